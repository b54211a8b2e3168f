#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

// Messages as Chrome writes them.

namespace bridge::test {

/// The session member that ends a message; empty for the control session.
inline std::string on(std::string_view session) {
  return session.empty() ? std::string() : fmt::format(R"(,"sessionId":"{}")", session);
}

inline std::string attached_event(std::string_view parent, std::string_view child,
                                  std::string_view target = "T") {
  return fmt::format(
      R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}",)"
      R"("targetInfo":{{"targetId":"{}","type":"page"}},"waitingForDebugger":false}}{}}})",
      child, target, on(parent));
}

inline std::string detached_event(std::string_view parent, std::string_view child) {
  return fmt::format(
      R"({{"method":"Target.detachedFromTarget","params":{{"sessionId":"{}","targetId":"T"}}{}}})",
      child, on(parent));
}

}  // namespace bridge::test
