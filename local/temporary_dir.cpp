#include "local/temporary_dir.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "local/descriptor.hpp"

namespace bridge::local {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "bctrl-bridge-";

fs::path parent_directory() {
  std::error_code ec;
  auto found = fs::temp_directory_path(ec);
  return ec ? fs::path("/tmp") : found;
}

// Anybody may write beside it: only directories of ours, and no symbolic links. One without a lock
// is just being made.
bool is_ours(fs::path const& path) {
  struct stat found {};
  std::error_code ignored;
  return path.filename().string().starts_with(kPrefix) && ::lstat(path.c_str(), &found) == 0 &&
         S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() &&
         fs::exists(path / StateDir::kLockFile, ignored);
}

void remove_left_behind(fs::path const& parent) {
  std::error_code ec;
  for (fs::directory_iterator entry(parent, ec), end; !ec && entry != end; entry.increment(ec)) {
    if (!is_ours(entry->path())) continue;
    auto const dead = StateDir::hold(entry->path());
    std::error_code ignored;
    if (dead) fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

Result<std::unique_ptr<TemporaryDir>> TemporaryDir::make() {
  auto const parent = parent_directory();
  remove_left_behind(parent);
  auto form = (parent / kPrefix).string() + "XXXXXX";
  if (::mkdtemp(form.data()) == nullptr) return system_error("create " + form);
  auto held = StateDir::hold(form);
  if (!held) return held.error();
  return std::unique_ptr<TemporaryDir>(new TemporaryDir(std::move(*held)));
}

TemporaryDir::~TemporaryDir() {
  std::error_code ignored;
  fs::remove_all(path(), ignored);
}

}  // namespace bridge::local
