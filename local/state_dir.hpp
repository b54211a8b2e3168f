#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace bridge::local {

/// The state directory, held by this process alone while it lives.
class StateDir {
 public:
  static constexpr char const* kLockFile = "lock";

  /// Creates it (mode 0700) when missing. resource_unavailable_try_again, with the pid, when
  /// another process holds it.
  [[nodiscard]] static Result<std::unique_ptr<StateDir>> hold(std::filesystem::path path);
  ~StateDir();
  StateDir(StateDir const&) = delete;
  StateDir& operator=(StateDir const&) = delete;

  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  StateDir(std::filesystem::path path, int lock);

  std::filesystem::path path_;
  int lock_;
};

}  // namespace bridge::local
