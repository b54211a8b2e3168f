#include "local/json.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace bridge::local;

namespace {

unsigned status_of(std::string const& body) {
  auto const parsed = parse_object(body);
  return parsed ? 200 : parsed.error().status;
}

}  // namespace

TEST_CASE("json: an empty body is an empty object") {
  CHECK(parse_object("").value() == Json::object());
  CHECK(parse_object(" \r\n").value() == Json::object());
}

TEST_CASE("json: only objects are bodies") {
  for (auto const text : {"[]", "1", "null", "\"x\"", "{", "{\"a\":}", "{}x", "{\"a\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK(status_of(text) == 400);
  }
}

TEST_CASE("json: nesting is bounded, whatever stands in front") {
  std::string const open(100'000, '[');
  CHECK(status_of(open) == 400);
  CHECK(status_of("{\"a\":" + open) == 400);
  CHECK(status_of(R"({"\"":"\\","b":)" + open) == 400);
  CHECK(status_of("{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}") == 200);
  CHECK(status_of("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}") == 400);
}

TEST_CASE("json: brackets in strings are text") {
  CHECK(status_of("{\"a\":\"" + std::string(1000, '[') + "\"}") == 200);
  CHECK(status_of("{\"a\":\"\\\"" + std::string(1000, '{') + "\"}") == 200);
}
