#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tests/unit/local/temporary_directory.hpp"

namespace bridge::fuzz {

/// A directory to unpack into, and what must not change round it. Made once: a check that made its
/// own would do little else.
class FencedDirectory {
 public:
  FencedDirectory();
  void clear();
  [[nodiscard]] std::filesystem::path const& into() const { return into_; }
  /// Each file below it with its content, each folder ("name/") with none. Throws when there is
  /// anything else, or something beside the directory.
  [[nodiscard]] std::map<std::string, std::string> contents() const;

 private:
  test::TemporaryDirectory fence_;
  std::filesystem::path into_ = fence_.path() / "fence" / "into";
};

}  // namespace bridge::fuzz
