#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "cdp/json_scan.hpp"
#include "cdp/sessions.hpp"

// Shared by the files of Mux.

namespace bridge::cdp {

inline constexpr ClientId kOurselves{0};
inline constexpr std::string_view kDiscoverAll = R"({"discover":true,"filter":[{}]})";

inline std::string member_text(std::string_view object, std::string_view key) {
  auto const raw = find_member(object, key);
  return raw ? decode_string(*raw) : std::string();
}

inline std::string session_params(std::string_view session) {
  return fmt::format("{{\"sessionId\":{}}}", encode_string(session));
}

inline std::string context_params(std::string_view context) {
  return fmt::format("{{\"browserContextId\":{}}}", encode_string(context));
}

/// `,"sessionId":"..."` as the session's client knows it.
inline std::string client_member(Session const& session) {
  return ",\"sessionId\":" + encode_string(session.id);
}

inline constexpr std::string_view kLifecycle = "Page.setLifecycleEventsEnabled";

/// A document begins, as a client of lifecycles hears it right before its frameNavigated. Without
/// the final brace.
inline std::string document_begins(std::string_view frame, std::string_view loader) {
  return fmt::format(
      R"({{"method":"Page.lifecycleEvent","params":{{"frameId":{},"loaderId":{},"name":"init","timestamp":0}})",
      encode_string(frame), encode_string(loader));
}

}  // namespace bridge::cdp
