#pragma once

#include <optional>
#include <string_view>

#include "local/json.hpp"
#include "local/runtime_plan.hpp"

namespace bridge::local {

/// Checks a BrowserRuntimeCreateConfig: the type of every field the contract names; others pass.
/// The problem names the field by its path, which begins with "config".
[[nodiscard]] std::optional<Problem> check_config(Json const& config);

/// Reads a config that may be one which was shown: a saved proxy is shown as an object and named by
/// its id. For before the contract is asked, which has no such object. The problem names a proxy's
/// type that there is not, where the contract would miss something else.
[[nodiscard]] std::optional<Problem> read_shown(Json& config);

/// Who gives a proxy back as it was shown means it with its password, which is never shown: it is
/// taken from `before`, the text of the stored config. 400 where that has none for this address.
[[nodiscard]] std::optional<Problem> keep_password(Json& config, std::string_view before);

/// The config as it is shown: `profile` always there, the proxy without its password.
[[nodiscard]] Json shown_config(std::string_view stored);

}  // namespace bridge::local
