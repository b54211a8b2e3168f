#include "cdp/json_ending.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/fakes/random_json.hpp"

using bridge::cdp::JsonEnding;
using Json = nlohmann::json;

namespace {

constexpr auto kMember = R"("error":{"code":1})";

std::string ended(std::string_view text, std::size_t cut, std::size_t step) {
  JsonEnding ending;
  auto const kept = text.substr(0, cut);
  for (std::size_t at = 0; at < kept.size(); at += step) ending.pass(kept.substr(at, step));
  return std::string(kept) + ending.end_with(kMember).value_or("<none>");
}

void check_every_cut(std::string_view text) {
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    for (std::size_t const step : {std::size_t{1}, std::size_t{7}, text.size()}) {
      auto const whole = ended(text, cut, step);
      auto const json = Json::parse(whole, nullptr, false);
      CAPTURE(whole);
      REQUIRE(json.is_object());
      CHECK(json.at("error").at("code") == 1);
    }
  }
}

}  // namespace

TEST_CASE("json ending: cut at any byte, it can be ended") {
  check_every_cut(R"({"id":12,"result":{"data":"a\"b\\c\u00e9\n","n":[0,-1,2.5e+3,1E-2,[],{}],)"
                  R"("b":[true,false,null] , "e" : {} ,"k\"\u0041":"" }})");
  check_every_cut(
      "{\"id\":1,\"result\":{\"t\":\"\xC3\xA9\xE2\x82\xAC\xE0\xA4\xA8\xF0\x9F\x98\x80\"}}");
  check_every_cut("{\"\":\"\",\n\t\"a\" :\r0}");
}

TEST_CASE("json ending: the same for what nobody has thought of") {
  bridge::test::RandomJson random(20261128);
  for (int i = 0; i < 200; ++i) check_every_cut("{\"r\":" + random.value() + "}");
}

TEST_CASE("json ending: nothing open, or too much, has no end") {
  JsonEnding ending;
  CHECK_FALSE(ending.end_with(kMember));
  ending.pass(R"({"a":1})");
  CHECK_FALSE(ending.end_with(kMember));
  JsonEnding deep;
  deep.pass("{\"a\":" + std::string(JsonEnding::kDepthMax + 5, '['));
  CHECK_FALSE(deep.end_with(kMember));
  deep.pass(std::string(20, ']'));
  CHECK(deep.end_with(kMember));
}
