#include "local/temporary_dir.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/scope_exit.hpp"
#include "temporary_directory.hpp"

using namespace bridge;
using local::TemporaryDir;
namespace fs = std::filesystem;

namespace {

/// TMPDIR for one test.
class TmpDir {
 public:
  TmpDir() { setenv("TMPDIR", directory_.path().c_str(), 1); }
  ~TmpDir() { before_ ? setenv("TMPDIR", before_, 1) : unsetenv("TMPDIR"); }
  TmpDir(TmpDir const&) = delete;
  TmpDir& operator=(TmpDir const&) = delete;
  [[nodiscard]] fs::path const& path() const { return directory_.path(); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path()), fs::directory_iterator()));
  }

 private:
  test::TemporaryDirectory directory_;
  char const* before_ = std::getenv("TMPDIR");
};

/// Makes one in a process that dies without a goodbye.
void leave_one_behind() {
  pid_t const owner = fork();
  REQUIRE(owner >= 0);
  if (owner == 0) {
    auto const made = TemporaryDir::make();
    fs::create_directories((*made)->path() / "scratch/profile");
    _exit(0);
  }
  waitpid(owner, nullptr, 0);
}

}  // namespace

TEST_CASE("temporary dir: it is private, and goes with its owner") {
  TmpDir const tmp;
  {
    auto const made = TemporaryDir::make();
    REQUIRE(made.has_value());
    CHECK(fs::status((*made)->path()).permissions() == fs::perms::owner_all);
    CHECK(tmp.entries() == 1);
  }
  CHECK(tmp.entries() == 0);
}

TEST_CASE("temporary dir: what a killed owner left is removed, what is in use is not") {
  TmpDir const tmp;
  leave_one_behind();
  CHECK(tmp.entries() == 1);
  auto const first = TemporaryDir::make();
  REQUIRE(first.has_value());
  CHECK(tmp.entries() == 1);
  auto const second = TemporaryDir::make();
  REQUIRE(second.has_value());
  CHECK(tmp.entries() == 2);
  CHECK(fs::exists((*first)->path()));
}

TEST_CASE("temporary dir: what only has the name is left alone") {
  TmpDir const tmp;
  fs::create_directory(tmp.path() / "bctrl-bridge-notes");
  fs::create_directory(tmp.path() / "elsewhere");
  fs::copy_file("/etc/hostname", tmp.path() / "elsewhere/lock");
  fs::create_directory_symlink(tmp.path() / "elsewhere", tmp.path() / "bctrl-bridge-link");
  auto const made = TemporaryDir::make();
  REQUIRE(made.has_value());
  CHECK(fs::exists(tmp.path() / "bctrl-bridge-notes"));
  CHECK(fs::exists(tmp.path() / "elsewhere/lock"));
}
