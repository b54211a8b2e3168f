#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/descriptor.hpp"

namespace bridge::local {

/// Pictures in one file, each behind the time it was taken at. What a kill cut off in the middle of
/// a picture is not there when it is read.
class FrameFile {
 public:
  struct Frame {
    std::uint32_t at_ms = 0;  ///< since the beginning
    std::uint32_t size = 0;
    std::uint64_t offset = 0;  ///< of the picture
  };

  /// A new file for writing; an error when there is one already.
  [[nodiscard]] static Result<FrameFile> create(std::filesystem::path const& path);
  /// The pictures of a file; none when there is no such file.
  [[nodiscard]] static std::vector<Frame> frames(std::filesystem::path const& path);
  /// The same, by reading only what is behind the ones that are known.
  static void read_on(std::filesystem::path const& path, std::vector<Frame>& known);
  [[nodiscard]] static Result<std::string> read(std::filesystem::path const& path,
                                                Frame const& frame);

  [[nodiscard]] Result<void> add(std::uint32_t at_ms, std::string_view picture);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  explicit FrameFile(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace bridge::local
