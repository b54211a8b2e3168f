#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::test {

/// Writes valid JSON nobody would write by hand: odd white space, escapes, number forms,
/// look-alikes of routing members. The same seed gives the same texts.
class RandomJson {
 public:
  explicit RandomJson(std::uint32_t seed) : random_(seed) {}

  /// A number from 0 to `most`.
  std::size_t pick(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random_);
  }
  bool chance(std::size_t percent) { return pick(99) < percent; }
  template <class Items>
  auto const& one_of(Items const& items) {
    return items[pick(std::size(items) - 1)];
  }

  std::string space() {
    static constexpr std::string_view kSpaces[] = {"", "", "", " ", "\n", "\t", "\r\n  "};
    return std::string(one_of(kSpaces));
  }
  std::string string() {
    static constexpr std::string_view kPieces[] = {
        "a",
        "id",
        "method",
        "sessionId",
        "\\\"",
        "\\\\",
        "\\/",
        "\\n",
        "\\u0041",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\\\"}}",
        "\\b",
        "\\f",
        "\\r",
        "\\t",
        "\\u2028",
        "\x7f",
        "result",
    };
    std::string out = "\"";
    for (auto n = pick(6); n > 0; --n) out += one_of(kPieces);
    return out + '"';
  }
  std::string number() {
    static constexpr std::string_view kForms[] = {"0",    "-0",     "7",       "-12", "3.25",
                                                  "1e3",  "-2E-2",  "1.0e+10", "0.5", "2147483648",
                                                  "1e-7", "100000", "0e0"};
    return std::string(one_of(kForms));
  }
  std::string value(int depth = 4) {
    switch (pick(depth > 0 ? 9 : 6)) {
      case 0:
        return "true";
      case 1:
        return "false";
      case 2:
        return "null";
      case 3:
      case 4:
        return number();
      case 5:
      case 6:
        return string();
      case 7:
        return array(depth - 1);
      default:
        return object(depth - 1);
    }
  }
  std::string array(int depth = 4) {
    std::string out = "[" + space();
    for (auto n = pick(4); n > 0; --n) {
      out += space() + value(depth) + space();
      if (n > 1) out += ',';
    }
    return out + ']';
  }
  std::string object(int depth = 4) {
    std::vector<std::string> members;
    for (auto n = pick(4); n > 0; --n) members.push_back(member(string(), value(depth)));
    return object_of(std::move(members));
  }
  /// `key` is a raw JSON string.
  std::string member(std::string_view key, std::string_view value) {
    return space() + std::string(key) + space() + ':' + space() + std::string(value) + space();
  }
  /// The members in random order.
  std::string object_of(std::vector<std::string> members) {
    std::shuffle(members.begin(), members.end(), random_);
    std::string out = "{" + space();
    for (std::size_t i = 0; i < members.size(); ++i) out += (i > 0 ? "," : "") + members[i];
    return out + '}';
  }

 private:
  std::mt19937 random_;
};

}  // namespace bridge::test
