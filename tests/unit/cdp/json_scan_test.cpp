#include "cdp/json_scan.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/fakes/random_json.hpp"

namespace bridge::cdp {
namespace {

using nlohmann::json;

/// Whether `text` is one JSON value with nothing but white space round it.
bool accepts(std::string_view text) {
  std::size_t bad_at = 0;
  auto const end = skip_value(text, 0, bad_at);
  return end != std::string_view::npos && skip_space(text, end) == text.size();
}

std::size_t offending_byte(std::string_view text) {
  std::size_t bad_at = 0;
  CHECK(skip_value(text, 0, bad_at) == std::string_view::npos);
  return bad_at;
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

std::string nested_objects(std::size_t depth) {
  std::string out;
  for (std::size_t i = 1; i < depth; ++i) out += R"({"a":)";
  return out + "{}" + std::string(depth - 1, '}');
}

}  // namespace

TEST_CASE("json_scan: every form of value is taken whole") {
  for (std::string_view const text : {"{}",
                                      "[]",
                                      "[ ]",
                                      "{ }",
                                      R"({"a":1})",
                                      R"({"a":{"b":[1,2,{"c":null}]},"d":""})",
                                      "true",
                                      "false",
                                      "null",
                                      "0",
                                      "-0",
                                      "-1",
                                      "10",
                                      "1.5",
                                      "1e3",
                                      "1E+3",
                                      "1e-3",
                                      "-0.0e00",
                                      R"("")",
                                      R"("a\"b")",
                                      R"("\\")",
                                      R"("\u0041\uD800")",
                                      R"("\b\f\n\r\t\/")",
                                      "[1 , 2]",
                                      " \r\n\t1 ",
                                      "\"\xc3\xa4\"",
                                      "\"\x7f\"",
                                      "1e308",
                                      "1e-400",
                                      R"({"":{}})"}) {
    CAPTURE(text);
    CHECK(accepts(text));
  }
}

TEST_CASE("json_scan: what RFC 8259 does not know is refused") {
  for (std::string_view const text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "{]",
                                      "[}",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{a:1}",
                                      "{1:1}",
                                      "{\"a\":1 \"b\":2}",
                                      "{\"a\" 1}",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1.e3",
                                      "1e",
                                      "1e+",
                                      "--1",
                                      "0x10",
                                      "NaN",
                                      "Infinity",
                                      "tru",
                                      "truex",
                                      "nul",
                                      "True",
                                      "'a'",
                                      "\"",
                                      "\"a",
                                      "\"\\\"",
                                      "\"\\x41\"",
                                      "\"\\v\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\u",
                                      "\"\t\"",
                                      "\"\n\"",
                                      "\"\x01\"",
                                      "[1]]",
                                      "1 2",
                                      "//a\n1",
                                      "/*a*/1",
                                      "\xef\xbb\xbf"
                                      "1",
                                      "[\"a\":1]",
                                      "{\"a\":1]"}) {
    CAPTURE(text);
    CHECK_FALSE(accepts(text));
  }
}

// Chrome answers such a frame without an id: it must not reach it.
TEST_CASE("json_scan: a number no double can hold is refused, a tiny one is not") {
  CHECK_FALSE(accepts("1e309"));
  CHECK_FALSE(accepts("-1e400"));
  CHECK_FALSE(accepts("[1E+999]"));
  CHECK_FALSE(accepts("1" + std::string(309, '0')));
  CHECK(accepts("1" + std::string(308, '0')));
  CHECK(accepts("0." + std::string(400, '0') + "1"));
  CHECK(accepts("0e999"));
}

TEST_CASE("json_scan: an error names the offending byte") {
  CHECK(offending_byte("") == 0);
  CHECK(offending_byte("[1,]") == 3);
  CHECK(offending_byte("[1 2]") == 3);
  CHECK(offending_byte(R"({"a" 1})") == 5);
  CHECK(offending_byte(R"({"a":tru})") == 5);
  CHECK(offending_byte(R"(["ab)") == 4);
  CHECK(offending_byte(R"(["a\x"])") == 3);
  CHECK(offending_byte(R"([01])") == 2);
}

TEST_CASE("json_scan: nesting is taken to 300 and no further") {
  CHECK(accepts(nested(300)));
  CHECK_FALSE(accepts(nested(301)));
  CHECK(accepts(nested_objects(300)));
  CHECK_FALSE(accepts(nested_objects(301)));
  // Depth is what is open at once, not what was ever opened.
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[[]],";
  CHECK(accepts(wide + "1]"));
}

TEST_CASE("json_scan: a million brackets cannot exhaust the stack") {
  CHECK_FALSE(accepts(std::string(1'000'000, '[')));
  CHECK_FALSE(accepts(nested(1'000'000)));
  std::string keys;
  for (int i = 0; i < 1'000'000; ++i) keys += R"({"a":)";
  CHECK_FALSE(accepts(keys));
}

TEST_CASE("json_scan: members come with their exact ranges") {
  std::string_view const text = R"( { "a" : 1 , "b\u0063":{"x":[]},"":"" } )";
  JsonObjectScan scan(text, 1);
  JsonMember member;
  REQUIRE(scan.next(member));
  CHECK(member.key == "a");
  CHECK(member.value == "1");
  CHECK(text.substr(member.begin, 3) == R"("a")");
  REQUIRE(scan.next(member));
  CHECK(member.key == R"(b\u0063)");
  CHECK(member.is("bc"));
  CHECK_FALSE(member.is(R"(b\u0063)"));
  CHECK(member.value == R"({"x":[]})");
  CHECK(text.substr(member.value_begin, member.value_end - member.value_begin) == member.value);
  REQUIRE(scan.next(member));
  CHECK(member.key.empty());
  CHECK(member.value == R"("")");
  CHECK_FALSE(scan.next(member));
  CHECK_FALSE(scan.failed());
  CHECK(text.substr(scan.position()) == " ");
}

TEST_CASE("json_scan: a scan that failed stays failed and says where") {
  std::string_view const text = R"({"a":1,"b":x,"c":1})";
  JsonObjectScan scan(text, 0);
  JsonMember member;
  CHECK(scan.next(member));
  CHECK_FALSE(scan.next(member));
  CHECK(scan.failed());
  CHECK(scan.position() == 11);
  CHECK_FALSE(scan.next(member));
  CHECK(scan.position() == 11);
}

TEST_CASE("json_scan: find_member finds the first of its name, escaped or not") {
  CHECK(find_member(R"({"a":1,"b":2})", "b") == "2");
  CHECK(find_member(R"( {"\u0061":1,"a":2})", "a") == "1");
  CHECK(find_member(R"({"x":{"a":1},"a":[2]})", "a") == "[2]");
  CHECK(find_member(R"({"x":"\"a\":3","a":4})", "a") == "4");
  CHECK_FALSE(find_member(R"({"a":1})", "b"));
  CHECK_FALSE(find_member("{}", "a"));
  CHECK_FALSE(find_member("[1]", "a"));
  CHECK_FALSE(find_member("", "a"));
  CHECK_FALSE(find_member(R"({"x":?,"a":1})", "a"));
  CHECK(find_member(R"({"a":1,"x":?)", "a") == "1");
}

TEST_CASE("json_scan: strings decode, lone surrogates become U+FFFD") {
  CHECK(decode_string(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
  CHECK(decode_string(R"("\u0041\u00e9\u20AC")") == "A\xc3\xa9\xe2\x82\xac");
  CHECK(decode_string(R"("\ud83d\ude00")") == "\xf0\x9f\x98\x80");
  CHECK(decode_string(R"("\ud800")") == "\xef\xbf\xbd");
  CHECK(decode_string(R"("\ud800x")") == "\xef\xbf\xbdx");
  CHECK(decode_string(R"("\ud800\u0041")") ==
        "\xef\xbf\xbd"
        "A");
  CHECK(decode_string(R"("\ude00\ud83d")") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(decode_string(R"("\ud800\ud83d\ude00")") == "\xef\xbf\xbd\xf0\x9f\x98\x80");
  CHECK(decode_string(R"("\u0000")") == std::string(1, '\0'));
  CHECK(decode_string("12").empty());
  CHECK(decode_string("\"").empty());
  CHECK(decode_string("").empty());
}

TEST_CASE("json_scan: what is encoded reads back the same") {
  std::string every;
  for (char c = 1; c < 127; ++c) every += c;
  every += "\xc3\xa4\xe2\x80\xa8";
  CHECK(json::parse(encode_string(every)).get<std::string>() == every);
  CHECK(decode_string(encode_string(every)) == every);
  CHECK(encode_string("") == R"("")");
}

TEST_CASE("json_scan: random documents are judged as nlohmann::json judges them") {
  test::RandomJson random(7);
  for (int i = 0; i < 20'000; ++i) {
    auto const text = random.space() + random.value(6) + random.space();
    CAPTURE(text);
    REQUIRE(json::accept(text));
    REQUIRE(accepts(text));
  }
}

TEST_CASE("json_scan: random damage is judged as nlohmann::json judges it") {
  test::RandomJson random(11);
  constexpr std::string_view kBytes = "{}[]\",:\\ \n0123456789.eE+-truefalsnu/\x01";
  int broken = 0;
  for (int i = 0; i < 40'000; ++i) {
    auto text = random.value(4);
    for (auto n = 1 + random.pick(2); n > 0 && !text.empty(); --n) {
      auto const at = random.pick(text.size() - 1);
      switch (random.pick(2)) {
        case 0:
          text[at] = random.one_of(kBytes);
          break;
        case 1:
          text.erase(at, 1 + random.pick(2));
          break;
        default:
          text.insert(at, 1, random.one_of(kBytes));
      }
    }
    // The two differ on purpose there: Chrome takes lone surrogates, and UTF-8 is the socket's
    // business.
    if (text.find("\\u") != std::string::npos) continue;
    if (!std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
      continue;
    CAPTURE(text);
    auto const valid = json::accept(text);
    if (!valid) ++broken;
    REQUIRE(accepts(text) == valid);
  }
  CHECK(broken > 5'000);
}

}  // namespace bridge::cdp
