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

TEST_CASE("fuzz: commands that were once found interesting hold") {
  run_corpus("command", check_command);
}

TEST_CASE("fuzz: messages of the runtime that were once found interesting hold") {
  run_corpus("upstream", check_upstream);
}

TEST_CASE("fuzz: texts that were once found interesting hold") {
  run_corpus("json", check_json);
}

TEST_CASE("fuzz: scripts of clients that were once found interesting hold") {
  run_corpus("mux", check_mux);
}

TEST_CASE("fuzz: replies in pieces that were once found interesting hold") {
  run_corpus("pieces", check_pieces);
}

TEST_CASE("fuzz: WebSocket frames that were once found interesting hold") {
  run_corpus("ws", check_ws);
}

TEST_CASE("fuzz: requests that were once found interesting hold") {
  run_corpus("request", check_request);
}

TEST_CASE("fuzz: Host and Origin headers that were once found interesting hold") {
  run_corpus("guard", check_guard);
}

TEST_CASE("fuzz: replies that were once found interesting hold") {
  run_corpus("reply", check_reply);
}

TEST_CASE("fuzz: addresses that were once found interesting hold") {
  run_corpus("address", check_address);
}

TEST_CASE("fuzz: archives that were once found interesting hold") {
  run_corpus("unzip", check_unzip);
}

TEST_CASE("fuzz: signed packages that were once found interesting hold") {
  run_corpus("crx", check_crx);
}

TEST_CASE("fuzz: extensions that were once found interesting hold") {
  run_corpus("package", check_package);
}

TEST_CASE("fuzz: forms that were once found interesting hold") {
  run_corpus("multipart", check_multipart);
}
