#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "base/result.hpp"

namespace bridge::local {

/// An open file; closed when it goes.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int release();

 private:
  int fd_ = -1;
};

/// errno as an error.
[[nodiscard]] Error system_error(std::string doing);
/// What the standard library says of the system.
[[nodiscard]] Error system_error(std::string doing, std::error_code code);

/// Writes all of it.
[[nodiscard]] Result<void> write_all(int fd, std::string_view bytes);
/// Reads up to `most` bytes from `offset`; fewer only at the end.
[[nodiscard]] Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t most);

}  // namespace bridge::local
