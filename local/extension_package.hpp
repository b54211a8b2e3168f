#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::local {

/// What the manifest of an extension says of it.
struct ExtensionManifest {
  std::string name;
  std::string version;
};

/// Unpacks a CRX, or the ZIP of an extension, into `into`, an empty directory of ours. bad_message
/// and too_large are for the package's sender and say what is wrong with it: "it has no
/// manifest.json". What has been written by then stays.
[[nodiscard]] Result<ExtensionManifest> unpack_extension(std::string_view package,
                                                         std::filesystem::path const& into);

}  // namespace bridge::local
