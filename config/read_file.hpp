#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace bridge::config {

/// The whole file. Errors name the path: the system's code, or too_large past `limit` bytes. Pipes
/// are fine.
[[nodiscard]] Result<std::string> read_file(std::string const& path, std::size_t limit);

/// A file that holds a secret. Refused unless it is a regular file, not a symbolic link, owned by
/// us or root, and closed to group and others; an error says what to do about it. At most 4 KiB.
[[nodiscard]] Result<std::string> read_private_file(std::string const& path);

}  // namespace bridge::config
