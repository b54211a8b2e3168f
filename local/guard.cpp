#include "local/guard.hpp"

#include <boost/algorithm/string/predicate.hpp>

#include "net/authority.hpp"

namespace bridge::local {
std::optional<Problem> check_sender(net::HttpRequest const& request) {
  auto const host = request.header("host");
  if (net::count_header(request.headers, "host") != 1 || !net::is_local_authority(host))
    return Problem(403, "auth.forbidden", "The Host header must name this machine.",
                   "Use an address such as http://127.0.0.1 or http://localhost.");
  auto const origin = request.header("origin");
  if (request.has("origin") && !boost::iequals(origin, "http://" + std::string(host)))
    return Problem(403, "auth.forbidden", "Requests of web pages are refused.",
                   "Call the local backend from a program, not from a page.");
  return std::nullopt;
}

Outcome<std::string_view> read_key(net::HttpRequest const& request) {
  auto const value = request.header("authorization");
  if (value.empty())
    return Problem(401, "auth.required", "An API key is required.",
                   "Send \"Authorization: Bearer local_...\".");
  constexpr std::string_view kScheme = "bearer ";
  bool const is_bearer =
      value.size() > kScheme.size() && boost::iequals(value.substr(0, kScheme.size()), kScheme);
  if (!is_bearer || !value.substr(kScheme.size()).starts_with("local_"))
    return Problem(401, "auth.invalid", "The local backend takes only keys that start with local_.",
                   "Any key of that form will do; a key of the cloud must not be sent here.");
  return value.substr(kScheme.size());
}

}  // namespace bridge::local
