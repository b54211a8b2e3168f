#include <doctest/doctest.h>

#include <random>

#include "support.hpp"

using namespace bridge::config;

namespace {

constexpr std::size_t kMiB = 1U << 20;

std::string repeated(std::string_view part, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

}  // namespace

TEST_CASE("hostile: an alias bomb is refused line by line and never walked") {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            ", *a" + std::to_string(i - 1) + "]\n";
  auto const read = check_text(bomb);
  CHECK(contains(read.errors(), "f.yaml:1:5: anchors (&name) are not supported"));
  CHECK(contains(read.errors(), "more"));
}

TEST_CASE("hostile: deep nesting and a mebibyte of garbage end in an error, not in a crash") {
  for (std::string const part :
       {"[",     "{",          "- ",  "? ",       "a:\n", "{a: [",  "\"",    "'",
        "|\n",   ": ",         "*a ", "&a ",      "!a ",  "a: 1\n", "- a\n", "#\n",
        "---\n", "%TAG ! x\n", "\t",  "\xc3\xa9", "${A}", "-"}) {
    CAPTURE(part);
    auto const read = check_text(repeated(part, kMiB / 16));
    CHECK(read.problems.list().size() <= 50);
  }
  CHECK(!check_text(repeated("a", kMiB)).problems.empty());
  CHECK(!check_text("version: 1\nbridges: [" + repeated("{name: x},", kMiB / 4) + "]")
             .problems.empty());
}

TEST_CASE("hostile: random bytes") {
  std::mt19937 random(1);
  std::string bytes(kMiB, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  CHECK(!check_text(bytes).problems.empty());
  constexpr std::string_view kAlphabet = "ab:-[]{},\n  \"'#&*!|>%@`?$\\x1";
  for (int round = 0; round < 300; ++round) {
    std::string text = "version: 1\n";
    for (int i = 0; i < 200; ++i) text += kAlphabet[random() % kAlphabet.size()];
    (void)check_text(text);
  }
}

TEST_CASE("hostile: a valid file cut anywhere") {
  std::string const text =
      "version: 1\napi: {timeout: 10s}\nbridges:\n  - name: a\n    runtime: {id: x, config: {k: "
      "[1, \"2\"]}}\n";
  for (std::size_t size = 0; size <= text.size(); ++size) (void)check_text(text.substr(0, size));
  CHECK(check_text(text).errors() == "");
}
