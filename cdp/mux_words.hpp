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

}  // namespace bridge::cdp
