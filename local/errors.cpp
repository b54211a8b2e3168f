#include "local/errors.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "local/json.hpp"

namespace bridge::local {

Problem Problem::invalid(std::string_view field, std::string message) {
  Problem problem(400, "request.invalid", std::move(message));
  problem.details = to_text(Json{{"field", field}});
  return problem;
}

Problem Problem::not_found(std::string_view kind, std::string_view id) {
  return Problem(404, fmt::format("{}.not_found", kind), fmt::format("No {} \"{}\".", kind, id));
}

Problem Problem::wrong_method(std::string allow) {
  Problem problem(405, "request.method_not_allowed",
                  fmt::format("This path takes {} only.", allow));
  problem.headers.emplace_back("Allow", std::move(allow));
  return problem;
}

std::string_view reason_class(unsigned status) {
  switch (status) {
    case 401:
      return "unauthorized";
    case 402:
      return "capability_limit_exceeded";
    case 403:
      return "capability_denied";
    case 404:
      return "not_found";
    case 409:
      return "conflict";
    case 429:
      return "rate_limited";
    case 502:
    case 503:
    case 504:
      return "upstream";
    default:
      return status >= 500 ? "server" : "invalid_input";
  }
}

net::HttpReply error_reply(Problem const& problem, std::string_view request_id) {
  Json body{{"error", problem.message},
            {"code", problem.code},
            {"reasonClass", reason_class(problem.status)},
            {"requestId", request_id}};
  if (!problem.hint.empty()) body["hint"] = problem.hint;
  if (!problem.details.empty()) body["details"] = Json::parse(problem.details);
  auto reply = json_reply(problem.status, body);
  reply.headers.insert(reply.headers.end(), problem.headers.begin(), problem.headers.end());
  return reply;
}

void throw_exception_from_error(Problem const& problem, boost::source_location const&) {
  throw std::logic_error("unhandled refusal: " + problem.code);
}

}  // namespace bridge::local
