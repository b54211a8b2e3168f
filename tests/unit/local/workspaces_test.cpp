#include "local/workspaces.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "temporary_directory.hpp"

using namespace bridge;
using namespace bridge::local;
namespace fs = std::filesystem;

namespace {

struct Bench {
  test::TemporaryDirectory home;
  Workspaces workspaces{home.path() / "workspaces"};
  RuntimeId runtime{"r1"};
  fs::path root = home.path() / "workspaces" / "r1";

  [[nodiscard]] std::string text(std::string_view path) const {
    auto const file = workspaces.read(runtime, path);
    return file ? read_at(file->get(), 0, 1000).value() : file.error().code;
  }
  [[nodiscard]] std::string write(std::string_view path, std::string_view bytes) const {
    auto file = workspaces.create(runtime, path);
    if (!file) return file.error().code;
    REQUIRE(write_all(file->file().get(), bytes).has_value());
    REQUIRE(file->publish().has_value());
    return "";
  }
  void put(fs::path const& path, std::string_view bytes) const {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << bytes;
  }
  [[nodiscard]] std::size_t entries() const {
    std::size_t count = 0;
    for ([[maybe_unused]] auto const& entry : fs::recursive_directory_iterator(root)) ++count;
    return count;
  }
};

}  // namespace

TEST_CASE("workspaces: a file is read under the path it was written to") {
  Bench bench;
  CHECK(bench.text("a/b.txt") == "runtime_file.not_found");
  CHECK(bench.write("a/b.txt", "first") == "");
  CHECK(bench.text("a/b.txt") == "first");
  CHECK(bench.write("a/b.txt", "second") == "");
  CHECK(bench.text("a/b.txt") == "second");
  CHECK(bench.text("a/c.txt") == "runtime_file.not_found");
  CHECK(bench.entries() == 2);
}

TEST_CASE("workspaces: a file is not there before it is published, and goes when it never is") {
  Bench bench;
  {
    auto file = bench.workspaces.create(bench.runtime, "late").value();
    REQUIRE(write_all(file.file().get(), "half").has_value());
    CHECK(bench.text("late") == "runtime_file.not_found");
  }
  CHECK(bench.entries() == 0);
}

TEST_CASE("workspaces: no path leads out of them, by whatever way") {
  Bench bench;
  bench.put(bench.home.path() / "secret", "secret");
  fs::create_directories(bench.root / "folder");
  fs::create_symlink(bench.home.path(), bench.root / "out");
  fs::create_symlink(bench.home.path() / "secret", bench.root / "link");
  REQUIRE(::mkfifo((bench.root / "pipe").c_str(), 0600) == 0);
  for (std::string const path : {"../secret", "/etc/passwd", "", ".", "folder/../../secret",
                                 "out/secret", "link", "folder", "pipe"}) {
    CAPTURE(path);
    CHECK(bench.text(path) == "runtime_file.path_invalid");
  }
  for (std::string const path :
       {"../new", "/new", "out/new", "link", "folder", "pipe", "out", "folder/.."}) {
    CAPTURE(path);
    CHECK(bench.write(path, "x") == "runtime_file.path_invalid");
  }
  CHECK_FALSE(fs::exists(bench.home.path() / "new"));
  std::ifstream secret(bench.home.path() / "secret");
  std::ostringstream text;
  text << secret.rdbuf();
  CHECK(text.str() == "secret");
}

TEST_CASE("workspaces: a file in the way of a folder is the path's fault") {
  Bench bench;
  CHECK(bench.write("a", "x") == "");
  CHECK(bench.write("a/b", "x") == "runtime_file.path_invalid");
  CHECK(bench.text("a/b") == "runtime_file.path_invalid");
}

TEST_CASE("workspaces: downloads get names that are free") {
  Bench bench;
  auto const kept = bench.home.path() / "kept";
  bench.put(kept, "downloaded");
  auto const add = [&] {
    return bench.workspaces.add_download(bench.runtime, kept, "a.txt").value();
  };
  CHECK(add() == "downloads/a.txt");
  CHECK(add() == "downloads/a (2).txt");
  CHECK(add() == "downloads/a (3).txt");
  CHECK(bench.text("downloads/a (3).txt") == "downloaded");
  auto const none = bench.workspaces.add_download(bench.runtime, bench.home.path() / "none", "b");
  CHECK_FALSE(none.has_value());
}

TEST_CASE("workspaces: those of runtimes that have gone go") {
  Bench bench;
  CHECK(bench.write("a", "x") == "");
  bench.put(bench.home.path() / "workspaces/r2/a", "x");
  bench.workspaces.remove_others([](RuntimeId const& id) { return id.value == "r1"; });
  CHECK(bench.text("a") == "x");
  CHECK_FALSE(fs::exists(bench.home.path() / "workspaces/r2"));
}
