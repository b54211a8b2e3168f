#include "local/redaction.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

std::string shown(std::string_view value) {
  static Redaction const redaction({"hunter2-of-ada", "1234", "987654", "hunter2"});
  return to_text(redaction.shown(Json::parse(value)));
}

}  // namespace

TEST_CASE("redaction: secrets are hidden wherever they stand, short ones where they stand alone") {
  CHECK(shown(R"("hunter2")") == R"("[redacted]")");
  CHECK(shown(R"({"a":["say hunter2 twice, hunter2-of-ada"]})") ==
        R"({"a":["say [redacted] twice, [redacted]"]})");
  CHECK(shown(R"({"hunter2":1})") == R"({"[redacted]":1})");
  CHECK(shown(R"(["1234","12345",1234,12345,987654])") ==
        R"(["[redacted]","12345","[redacted]",12345,"[redacted]"])");
  CHECK(shown(R"([null,true,1.5,"",{}])") == R"([null,true,1.5,"",{}])");
}

TEST_CASE("redaction: what looks like a secret is hidden, too") {
  CHECK(
      shown(R"({"password":"x","X-Api-Key":"x","accessToken":"x","maxTokens":5,"name":"x"})") ==
      R"({"X-Api-Key":"[redacted]","accessToken":"[redacted]","maxTokens":5,"name":"x","password":"[redacted]"})");
  CHECK(
      shown(R"({"secret":{"a":["x"]},"passwords":["x"],"password":12345,"hasPassword":true})") ==
      R"({"hasPassword":true,"password":"[redacted]","passwords":"[redacted]","secret":"[redacted]"})");
  CHECK(shown(R"("Authorization: Bearer abcdef123456")").find("abcdef") == std::string::npos);
  CHECK(shown(R"("https://ada:pw@host/")").find("pw@") == std::string::npos);
  CHECK(shown(R"("sk_live_4eC39HqLyjWDarjtT1zdp7dc")").find("4eC39") == std::string::npos);
  CHECK(shown(R"("an ordinary sentence")") == R"("an ordinary sentence")");
}

TEST_CASE("redaction: without guessing, only the secrets go") {
  Redaction const redaction({"hunter2"});
  auto const value = Json::parse(R"({"password":"x","b":"hunter2!"})");
  CHECK(to_text(redaction.without_secrets(value)) == R"({"b":"[redacted]!","password":"x"})");
}

TEST_CASE("redaction: too long a value is cut at a character") {
  Redaction const redaction({"hunter2"});
  std::string text = "x";
  for (int i = 0; i < 10'000; ++i) text += "ü";
  auto const cut = redaction.shown(Json{{"text", text}});
  CHECK(cut.at("truncated") == true);
  CHECK(cut.at("bytes") == 20'001 + 11);
  auto const beginning = cut.at("beginning").get<std::string>();
  CHECK(beginning.size() >= 2000);
  CHECK(beginning.size() <= 2048);
  CHECK(beginning.ends_with("ü"));
}

TEST_CASE("redaction: a summary says what kind of thing it was") {
  Redaction const redaction({"hunter2"});
  CHECK(to_text(redaction.summary(Json::parse(R"({"a":1,"hunter2":2})"))) ==
        R"({"bytes":19,"members":["a","[redacted]"],"type":"object"})");
  CHECK(to_text(redaction.summary(Json::parse("[1]"))) == R"({"bytes":3,"type":"array"})");
}

}  // namespace bridge::local
