#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "local/errors.hpp"
#include "local/json.hpp"

namespace bridge::local {

/// A member of a body that counts seconds, none when it is absent; 400 that names it when it is not
/// within the bounds.
[[nodiscard]] Outcome<std::optional<std::chrono::seconds>> read_seconds(Json const& body,
                                                                        std::string_view field,
                                                                        std::int64_t least,
                                                                        std::int64_t most);

/// timeoutSeconds of a call that waits for an end: 0 only looks; at most kWaitMax, for proxies and
/// clients give up on a silent connection; kWaitDefault when absent.
inline constexpr std::chrono::seconds kWaitDefault{30};
inline constexpr std::chrono::seconds kWaitMax{300};
[[nodiscard]] Outcome<std::chrono::seconds> read_wait(Json const& body);

}  // namespace bridge::local
