#include "api/types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/log.hpp"

namespace bridge::api {
namespace {

// Servers put whole HTML pages into errors.
constexpr std::size_t kShownMax = 300;

std::string one_line(std::string_view text) {
  std::string out(text.substr(0, kShownMax));
  // The cut may have split a character.
  if (text.size() > kShownMax) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0x80) out.pop_back();
    out += "...";
  }
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::string ApiError::text() const {
  std::string out;
  if (status != 0) out += fmt::format("{} ", status);
  out += one_line(code);
  if (!message.empty()) out += fmt::format(": {}", one_line(message));
  if (!hint.empty()) out += fmt::format(" - {}", one_line(hint));
  if (!request_id.empty()) out += fmt::format(" (request {})", one_line(request_id));
  return log::redact(out);
}

bool ApiError::is_busy() const {
  auto const lower = to_lower(code);
  if (contains(lower, "controller") && contains(lower, "busy")) return true;
  if (status == 423) return true;
  // The other conflicts of the contract say what they are about, or what state the runtime is not
  // in.
  bool const says_nothing_else =
      lower.empty() || lower == "api.error" ||
      (lower.starts_with("runtime.") && !lower.starts_with("runtime.not_"));
  return status == 409 && says_nothing_else;
}

bool ApiError::is_auth() const {
  return status == 401 || code.starts_with("auth.") || code == "permission.denied" ||
         reason_class == "unauthorized";
}

bool ApiError::is_quota() const {
  return status == 402 || reason_class == "capability_limit_exceeded" || contains(code, "quota");
}

void throw_exception_from_error(ApiError const& error, boost::source_location const&) {
  throw std::runtime_error(error.text());
}

ApiError network_error(Error const& error) {
  return client_error("network.error", error.text());
}

ApiError client_error(std::string code, std::string message) {
  ApiError error;
  error.code = std::move(code);
  error.message = log::redact(message);
  return error;
}

Life life_of(std::string_view status) {
  constexpr std::array<std::string_view, 5> kEnded{"stopped", "failed", "ended", "completed",
                                                   "archived"};
  if (status == "active") return Life::active;
  return std::find(kEnded.begin(), kEnded.end(), status) != kEnded.end() ? Life::ended
                                                                         : Life::transition;
}

}  // namespace bridge::api
