#include "local/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

// The last character of the comment that begins at `at`. To the parser, a zero ends a line as well.
std::size_t end_of_comment(std::string_view text, std::size_t at) {
  using namespace std::string_view_literals;
  bool const line = text.substr(at).starts_with("//");
  if (!line && !text.substr(at).starts_with("/*")) return at;  // a mistake
  auto const end = line ? text.find_first_of("\r\n\0"sv, at) : text.find("*/", at + 2);
  return end == std::string_view::npos ? text.size() : end + (line ? 0 : 1);
}

// Looks at brackets outside of strings and comments only: up to the first mistake of the text the
// parser sees the same ones.
std::size_t nesting(std::string_view text, Comments comments) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char const c = text[at];
    if (in_string && c == '\\') ++at;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if (c == '/' && comments == Comments::taken) at = end_of_comment(text, at);
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return deepest;
}

}  // namespace

Outcome<Json> parse_object(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return Json::object();
  if (nesting(body, Comments::refused) > kJsonDepthMax)
    return Problem(400, "request.invalid", "The body is nested too deeply.");
  auto value = Json::parse(body, nullptr, false);
  if (value.is_discarded()) return Problem(400, "request.invalid", "The body is not JSON.");
  if (!value.is_object()) return Problem(400, "request.invalid", "The body must be a JSON object.");
  return value;
}

std::optional<Json> parse_json(std::string_view text, Comments comments) {
  if (nesting(text, comments) > kJsonDepthMax) return std::nullopt;
  auto value = Json::parse(text, nullptr, false, comments == Comments::taken);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

std::string to_text(Json const& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

net::HttpReply json_reply(unsigned status, Json const& body) {
  net::HttpReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", "application/json");
  reply.body = to_text(body);
  return reply;
}

}  // namespace bridge::local
