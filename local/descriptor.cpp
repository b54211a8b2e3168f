#include "local/descriptor.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace bridge::local {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

int Descriptor::release() {
  return std::exchange(fd_, -1);
}

Error system_error(std::string doing) {
  return Error{boost::system::error_code(errno, boost::system::generic_category()),
               std::move(doing)};
}

Error system_error(std::string doing, std::error_code code) {
  return Error{boost::system::error_code(code.value(), boost::system::generic_category()),
               std::move(doing)};
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error("write a file");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t most) {
  std::string bytes(most, '\0');
  std::size_t have = 0;
  while (have < most) {
    auto const got =
        ::pread(fd, bytes.data() + have, most - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read a file");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace bridge::local
