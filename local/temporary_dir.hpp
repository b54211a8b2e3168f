#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "local/state_dir.hpp"

namespace bridge::local {

/// A private directory below the system's temporary one, which goes with its owner.
class TemporaryDir {
 public:
  /// Also removes what owners that were killed have left there.
  [[nodiscard]] static Result<std::unique_ptr<TemporaryDir>> make();
  ~TemporaryDir();
  TemporaryDir(TemporaryDir const&) = delete;
  TemporaryDir& operator=(TemporaryDir const&) = delete;

  [[nodiscard]] std::filesystem::path const& path() const { return held_->path(); }

 private:
  explicit TemporaryDir(std::unique_ptr<StateDir> held) : held_(std::move(held)) {}

  std::unique_ptr<StateDir> held_;
};

}  // namespace bridge::local
