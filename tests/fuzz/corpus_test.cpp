#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/checks.hpp"

using namespace bridge::fuzz;

namespace {

void run_corpus(std::string const& name, void (*check)(std::string_view)) {
  auto const folder = std::filesystem::path("tests/fuzz/corpus") / name;
  int files = 0;
  for (auto const& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::string const bytes(std::istreambuf_iterator<char>(in), {});
    CAPTURE(entry.path().string());
    CHECK_NOTHROW(check(bytes));
    ++files;
  }
  CHECK(files >= 10);
}

}  // namespace

TEST_CASE("fuzz: what was once found interesting holds") {
  SUBCASE("command") {
    run_corpus("command", check_command);
  }
  SUBCASE("upstream") {
    run_corpus("upstream", check_upstream);
  }
  SUBCASE("json") {
    run_corpus("json", check_json);
  }
  SUBCASE("mux") {
    run_corpus("mux", check_mux);
  }
  SUBCASE("ws") {
    run_corpus("ws", check_ws);
  }
  SUBCASE("request") {
    run_corpus("request", check_request);
  }
  SUBCASE("reply") {
    run_corpus("reply", check_reply);
  }
  SUBCASE("address") {
    run_corpus("address", check_address);
  }
}
