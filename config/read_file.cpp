#include "config/read_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/scope_exit.hpp"

namespace bridge::config {
namespace {

constexpr std::size_t kLargestSecret = 4096;

Error system_error(std::string doing) {
  return {boost::system::error_code(errno, boost::system::system_category()), std::move(doing)};
}

Result<std::string> read_all(int fd, std::string const& path, std::size_t limit) {
  std::string out;
  std::array<char, 16384> block;
  for (;;) {
    auto const got = ::read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read " + path);
    if (got == 0) return out;
    out.append(block.data(), static_cast<std::size_t>(got));
    if (out.size() > limit)
      return Error{Errc::too_large, fmt::format("read {}, at most {} bytes", path, limit)};
  }
}

Result<void> check_private(int fd, std::string const& path) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return system_error("read " + path);
  if (!S_ISREG(found.st_mode))
    return Error::saying(Errc::refused, path + " is not a regular file; name one that is");
  if (found.st_uid != ::geteuid() && found.st_uid != 0)
    return Error::saying(Errc::refused,
                         fmt::format("{0} belongs to user {1}; make it yours with: chown {2} {0}",
                                     path, found.st_uid, ::geteuid()));
  if ((found.st_mode & 077) != 0)
    return Error::saying(
        Errc::refused,
        fmt::format("{0} is open to others (mode {1:04o}); close it with: chmod 600 {0}", path,
                    found.st_mode & 07777));
  return {};
}

}  // namespace

Result<std::string> read_file(std::string const& path, std::size_t limit) {
  auto const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("read " + path);
  auto const close = scope_exit([fd] { ::close(fd); });
  return read_all(fd, path, limit);
}

Result<std::string> read_private_file(std::string const& path) {
  // O_NONBLOCK: a pipe put in its place must not hang us before fstat sees it.
  auto const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ELOOP)
    return Error::saying(Errc::refused, path + " is a symbolic link; name the file itself");
  if (fd < 0) return system_error("read " + path);
  auto const close = scope_exit([fd] { ::close(fd); });
  if (auto allowed = check_private(fd, path); !allowed) return allowed.error();
  return read_all(fd, path, kLargestSecret);
}

}  // namespace bridge::config
