#include "local/state_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "local/descriptor.hpp"

namespace bridge::local {
namespace {

std::string holder(int lock) {
  std::array<char, 32> text{};
  auto const got = pread(lock, text.data(), text.size() - 1, 0);
  if (got <= 0) return "another process";
  std::string pid(text.data(), static_cast<std::size_t>(got));
  return "process " + pid.substr(0, pid.find('\n'));
}

}  // namespace

Result<std::unique_ptr<StateDir>> StateDir::hold(std::filesystem::path path) {
  std::error_code ec;
  bool const created = std::filesystem::create_directories(path, ec);
  if (ec) return system_error("create " + path.string(), ec);
  if (created) chmod(path.c_str(), 0700);

  auto const file = (path / kLockFile).string();
  int const lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return system_error("open " + file);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    auto const code = errno;
    auto error = system_error(fmt::format("{} is in use by {}", path.string(), holder(lock)),
                              std::error_code(code, std::generic_category()));
    error.told = true;
    ::close(lock);
    return error;
  }
  auto const pid = fmt::format("{}\n", getpid());
  if (ftruncate(lock, 0) != 0 || pwrite(lock, pid.data(), pid.size(), 0) < 0) {
    auto error = system_error("write " + file);
    ::close(lock);
    return error;
  }
  return std::unique_ptr<StateDir>(new StateDir(std::move(path), lock));
}

StateDir::StateDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

StateDir::~StateDir() {
  ::close(lock_);
}

}  // namespace bridge::local
