#pragma once

#include <optional>
#include <string_view>

#include "local/json.hpp"
#include "local/runtime_plan.hpp"

namespace bridge::local {

/// Checks a BrowserRuntimeCreateConfig: the type of every field the contract names; others pass.
/// The problem names the field by its path, which begins with "config".
[[nodiscard]] std::optional<Problem> check_config(Json const& config);

/// The config as it is shown: `profile` always there, the proxy without its password.
[[nodiscard]] Json shown_config(std::string_view stored);

}  // namespace bridge::local
