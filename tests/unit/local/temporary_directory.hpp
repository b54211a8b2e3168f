#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bridge::test {

/// An empty directory that goes with its test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    auto form = (std::filesystem::temp_directory_path() / "bridge-test-XXXXXX").string();
    if (mkdtemp(form.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = form;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(TemporaryDirectory const&) = delete;
  TemporaryDirectory& operator=(TemporaryDirectory const&) = delete;
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace bridge::test
