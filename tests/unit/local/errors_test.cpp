#include "local/errors.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "schema.hpp"

using namespace bridge::local;
using nlohmann::json;

namespace {

json body_of(Problem const& problem) {
  return json::parse(error_reply(problem, "req-1").body);
}

}  // namespace

TEST_CASE("errors: a body has the contract's shape and the request's id") {
  Problem problem(409, "runtime.controller_busy", "Busy.", "Wait.");
  problem.details = R"({"holder":"cdp"})";
  auto const body = body_of(problem);
  CHECK(bridge::test::violation_of("ErrorResponse", body) == "");
  CHECK(body == json{{"error", "Busy."},
                     {"code", "runtime.controller_busy"},
                     {"reasonClass", "conflict"},
                     {"hint", "Wait."},
                     {"requestId", "req-1"},
                     {"details", {{"holder", "cdp"}}}});
}

TEST_CASE("errors: hint and details are left out when there are none") {
  auto const body = body_of(Problem(404, "run.not_found", "No."));
  CHECK_FALSE(body.contains("hint"));
  CHECK_FALSE(body.contains("details"));
}

TEST_CASE("errors: an invalid field is named by its path") {
  auto const body = body_of(Problem::invalid("config.proxy.port", "No."));
  CHECK(body.at("code") == "request.invalid");
  CHECK(body.at("details").at("field") == "config.proxy.port");
}

TEST_CASE("errors: a wrong method says which are right") {
  auto const reply = error_reply(Problem::wrong_method("GET, POST"), "r");
  CHECK(reply.status == 405);
  CHECK(reply.header("allow") == "GET, POST");
}

TEST_CASE("errors: text that is not UTF-8 does not break the body") {
  auto const body = body_of(Problem::not_found("run", "\xff\xfe"));
  CHECK(body.at("code") == "run.not_found");
}

TEST_CASE("errors: every status has the contract's class") {
  CHECK(reason_class(400) == "invalid_input");
  CHECK(reason_class(401) == "unauthorized");
  CHECK(reason_class(403) == "capability_denied");
  CHECK(reason_class(405) == "invalid_input");
  CHECK(reason_class(503) == "upstream");
  CHECK(reason_class(500) == "server");
}
