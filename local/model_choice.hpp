#pragma once

#include "local/ai.hpp"
#include "local/chat_model.hpp"
#include "local/outside.hpp"
#include "local/store.hpp"

namespace bridge::local {

/// Finds models as the AI credentials of a runtime's owner and the environment of its space say.
/// All of these outlive what it returns.
[[nodiscard]] FindModel model_finder(Store& store, Ai& ai, Outside& outside);

/// What an AiModelSelection says beyond which model: the members of a chat completion that
/// OpenAI-compatible providers know. An object.
[[nodiscard]] Json chat_parameters(Json const& selection);

}  // namespace bridge::local
