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

TEST_CASE("json: with comments, nesting is bounded as well") {
  std::string const deep(500'000, '[');
  auto const taken = [](std::string const& text) {
    return parse_json(text, Comments::taken).has_value();
  };
  CHECK(taken("// [[\n{\"a\":/* \" */1} /**/ // \""));
  CHECK(taken("// " + deep + "\n{}"));
  CHECK(taken("/* \" " + deep + "*/{\"/*\":\"//\"}"));
  CHECK_FALSE(parse_json("{} // a").has_value());
  // What stands before the brackets must not hide them. The parser goes on behind each of these.
  for (std::string const& before :
       {std::string("// \"\n"), std::string("// \"\r"), std::string("// \"\0", 5),
        std::string("/* \" */"), std::string("/*/ \" */"), std::string("/* // */"),
        std::string("/**//* \" **/")}) {
    CAPTURE(before);
    CHECK_FALSE(taken(before + deep));
    CHECK_FALSE(taken(before + deep + std::string(deep.size(), ']')));
    CHECK(taken(before + "[1]"));
  }
}

TEST_CASE("json: brackets in strings are text") {
  CHECK(status_of("{\"a\":\"" + std::string(1000, '[') + "\"}") == 200);
  CHECK(status_of("{\"a\":\"\\\"" + std::string(1000, '{') + "\"}") == 200);
}
