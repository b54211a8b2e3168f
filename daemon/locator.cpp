#include "daemon/locator.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace bridge {
namespace {

Result<void> write_whole(std::string const& path, std::string_view content) {
  auto const doing = "write " + path;
  auto const fresh = path + ".new";
  auto const failed = [&] {
    return Error(boost::system::error_code(errno, boost::system::system_category()), doing);
  };
  ::unlink(fresh.c_str());  // left by a dead daemon, perhaps with another mode
  int const fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed();
  auto const written = ::write(fd, content.data(), content.size());
  ::close(fd);
  if (written != static_cast<ssize_t>(content.size())) return failed();
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed();
  return {};
}

}  // namespace

Result<Locator> Locator::write(std::string path, std::string_view content) {
  if (auto const written = write_whole(path, content); !written) return written.error();
  return Locator(std::move(path));
}

Result<void> Locator::rewrite(std::string_view content) const {
  return write_whole(path_, content);
}

Locator::~Locator() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace bridge
