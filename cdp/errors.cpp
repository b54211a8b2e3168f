#include "cdp/errors.hpp"

#include <fmt/format.h>

#include "cdp/json_scan.hpp"

namespace bridge::cdp {
namespace {

std::string session_member(std::string_view session) {
  return session.empty() ? std::string() : fmt::format(",\"sessionId\":\"{}\"", session);
}

}  // namespace

std::string error_reply(std::optional<std::int32_t> id, int code, std::string_view message,
                        std::string_view session) {
  auto const error =
      fmt::format("\"error\":{{\"code\":{},\"message\":{}}}", code, encode_string(message));
  if (!id) return fmt::format("{{{}}}", error);
  return fmt::format("{{\"id\":{},{}{}}}", *id, error, session_member(session));
}

std::string empty_result(std::int32_t id, std::string_view session) {
  return fmt::format("{{\"id\":{},\"result\":{{}}{}}}", id, session_member(session));
}

std::string session_not_found(std::int32_t id) {
  return error_reply(id, -32001, "Session with given id not found.");
}

std::string not_allowed(std::int32_t id, std::string_view session) {
  return error_reply(id, -32000, "Not allowed", session);
}

std::string target_gone(std::int32_t id, std::string_view session) {
  return error_reply(id, -32000, "Inspected target navigated or closed", session);
}

std::string driven_by_another(std::int32_t id, std::string_view session) {
  return error_reply(id, -32000, "Another controller drives the runtime", session);
}

}  // namespace bridge::cdp
