#include "config/json_text.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;

namespace {

struct Json {
  std::string text;
  std::string errors;
};

Json json_of(std::string_view yaml, Env const& env = {}) {
  Problems problems;
  auto const tree = yaml::parse(yaml, "f", problems);
  Json out;
  if (tree) {
    out.text = json_text(*tree, env, [&](yaml::Place at, std::string what) {
      problems.add(Origin::file("f", at.line, at.column), std::move(what));
    });
  }
  out.errors = problems.text();
  return out;
}

}  // namespace

TEST_CASE("json_text: plain scalars are typed as YAML 1.2 does, quoted ones are text") {
  struct {
    std::string yaml;
    std::string json;
  } const rows[] = {
      {"v: true", R"({"v":true})"},
      {"v: FALSE", R"({"v":false})"},
      {"v: yes", R"({"v":"yes"})"},
      {"v: no", R"({"v":"no"})"},
      {"v: on", R"({"v":"on"})"},
      {"v: null", R"({"v":null})"},
      {"v: ~", R"({"v":null})"},
      {"v:", R"({"v":null})"},
      {"v: 0", R"({"v":0})"},
      {"v: -12", R"({"v":-12})"},
      {"v: +12", R"({"v":12})"},
      {"v: 18446744073709551615", R"({"v":18446744073709551615})"},
      {"v: 1.5", R"({"v":1.5})"},
      {"v: .5", R"({"v":0.5})"},
      {"v: -.5", R"({"v":-0.5})"},
      {"v: 1e3", R"({"v":1000.0})"},
      {"v: 1.", R"({"v":1.0})"},
      {"v: 1.2.3", R"({"v":"1.2.3"})"},
      {"v: 2024-01-02", R"({"v":"2024-01-02"})"},
      {"v: 1_000", R"({"v":"1_000"})"},
      {"v: '-'", R"({"v":"-"})"},
      {"v: e5", R"({"v":"e5"})"},
      {"v: .", R"({"v":"."})"},
      {"v: \"1\"", R"({"v":"1"})"},
      {"v: 'true'", R"({"v":"true"})"},
      {"v: '010'", R"({"v":"010"})"},
      {"v: \"\"", R"({"v":""})"},
      {"v: |\n  a\n  b\n", R"({"v":"a\nb\n"})"},
      {"b: [1, x, {c: []}]\na: {}", R"({"b":[1,"x",{"c":[]}],"a":{}})"},
      {"v: \"q\\\"\xc3\xa9\"", "{\"v\":\"q\\\"\xc3\xa9\"}"},
      {"v: a$$b", R"({"v":"a$b"})"},
      {"{}", "{}"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.yaml);
    auto const json = json_of(row.yaml);
    CHECK(json.text == row.json);
    CHECK(json.errors == "");
  }
}

TEST_CASE("json_text: an expanded variable stays text") {
  FakeEnv const env{{"N", "true"}, {"J", "\",\"x\":1"}};
  CHECK(json_of("v: ${N}", env.get()).text == R"({"v":"true"})");
  CHECK(json_of("v: \"${J}\"", env.get()).text == R"({"v":"\",\"x\":1"})");
}

TEST_CASE("json_text: numbers that programs read differently are refused where they stand") {
  for (std::string const yaml :
       {"v: 010", "v: -010", "v: 00", "v: 0x10", "v: 0o10", "v: .inf", "v: -.INF", "v: .nan"}) {
    CAPTURE(yaml);
    CHECK(json_of(yaml).errors ==
          "f:1:4: this number is read as different numbers by different programs; write it in "
          "decimal, or in quotes for text");
  }
  for (std::string const yaml :
       {"v: 18446744073709551616", "v: 1e999", "v: -99999999999999999999"}) {
    CAPTURE(yaml);
    CHECK(json_of(yaml).errors == "f:1:4: this number does not fit; put it in quotes for text");
  }
}

TEST_CASE("json_text: problems with variables have their place") {
  FakeEnv const env{{"BAD", "\xff"}};
  CHECK(json_of("a: 1\nv: [x, \"${GONE}\"]", env.get()).errors ==
        "f:2:8: the environment variable GONE is not set; set it, or write ${GONE:-default}");
  CHECK(json_of("v: ${BAD}", env.get()).errors ==
        "f:1:4: must be UTF-8 text without control characters");
}

TEST_CASE("json_text: masking hides texts and keeps the rest") {
  CHECK(masked_json(R"({"a":{"b":["canary",1]},"c":true,"d":""})") ==
        R"({"a":{"b":["***",1]},"c":true,"d":"***"})");
  CHECK(masked_json("not json") == "***");
}
