#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge {

/// A file in the runtime directory that says where the daemon listens, for tools that do not want
/// to ask: pid, service address, bridges with their addresses. Written whole or not at all, 0600;
/// removed when the daemon ends.
class Locator {
 public:
  [[nodiscard]] static Result<Locator> write(std::string path, std::string_view content);
  /// The same for another content.
  Result<void> rewrite(std::string_view content) const;
  Locator(Locator&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Locator& operator=(Locator&&) = delete;
  ~Locator();

 private:
  explicit Locator(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace bridge
