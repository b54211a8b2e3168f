#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::cdp {

// Replies that we make ourselves, byte for byte as Chrome 156 writes them,
// where it writes such. `session` is echoed when
// the command was sent to a child session: Playwright's transport asserts on it.

[[nodiscard]] std::string error_reply(std::optional<std::int32_t> id, int code,
                                      std::string_view message, std::string_view session = {});
[[nodiscard]] std::string empty_result(std::int32_t id, std::string_view session = {});

/// Unknown, foreign or dead session; never with a sessionId.
[[nodiscard]] std::string session_not_found(std::int32_t id);
/// A command that policy refuses.
[[nodiscard]] std::string not_allowed(std::int32_t id, std::string_view session);
/// A command in flight when its target, or the runtime's connection, went.
[[nodiscard]] std::string target_gone(std::int32_t id, std::string_view session);

/// A command that came while somebody else drives the runtime, and is not to wait.
[[nodiscard]] std::string driven_by_another(std::int32_t id, std::string_view session);

/// The last event a page endpoint's socket gets when its target closes.
inline constexpr std::string_view kTargetClosedEvent =
    R"({"method":"Inspector.detached","params":{"reason":"target_closed"}})";

}  // namespace bridge::cdp
