#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace bridge::local {

struct UnzipLimits {
  std::size_t files = 10'000;          ///< and folders
  std::uint64_t bytes = 512ULL << 20;  ///< of all files together, unpacked
};

/// Unpacks a ZIP archive of a stranger into `into`, an empty directory of ours. bad_message for
/// what is no such archive, or has names that lead out of it, links, two files of one name, or
/// bytes that two files share; too_large past the limits. What has been written by then stays.
[[nodiscard]] Result<void> unzip(std::string_view zip, std::filesystem::path const& into,
                                 UnzipLimits limits);

}  // namespace bridge::local
