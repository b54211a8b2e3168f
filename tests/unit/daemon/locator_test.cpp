#include "daemon/locator.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;
namespace fs = std::filesystem;

namespace {

std::string content_of(fs::path const& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

unsigned mode_of(fs::path const& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

}  // namespace

TEST_CASE("locator: the file is private, whole, and goes with its owner") {
  test::TemporaryDirectory const directory;
  auto const path = directory.path() / "bridges.json";
  {
    auto written = Locator::write(path.string(), "{\"pid\":1}\n");
    REQUIRE(written.has_value());
    auto const moved = std::move(*written);
    CHECK(content_of(path) == "{\"pid\":1}\n");
    CHECK(mode_of(path) == 0600);
    CHECK_FALSE(fs::exists(directory.path() / "bridges.json.new"));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("locator: what a dead daemon left is replaced, whatever its mode") {
  test::TemporaryDirectory const directory;
  auto const path = directory.path() / "bridges.json";
  for (auto const* left : {"bridges.json", "bridges.json.new"}) {
    std::ofstream(directory.path() / left) << "a much longer text from before";
    fs::permissions(directory.path() / left, fs::perms(0644));
  }
  auto const written = Locator::write(path.string(), "new");
  REQUIRE(written.has_value());
  CHECK(content_of(path) == "new");
  CHECK(mode_of(path) == 0600);
}

TEST_CASE("locator: a symbolic link is not followed") {
  test::TemporaryDirectory const directory;
  auto const victim = directory.path() / "victim";
  std::ofstream(victim) << "precious";
  fs::create_symlink(victim, directory.path() / "bridges.json.new");
  (void)Locator::write((directory.path() / "bridges.json").string(), "new");
  CHECK(content_of(victim) == "precious");
}

TEST_CASE("locator: a file that cannot be written is an error with its name") {
  auto const failed = Locator::write("/nonexistent/bridges.json", "x");
  REQUIRE(!failed);
  CHECK(failed.error().text() == "write /nonexistent/bridges.json: No such file or directory");
}
