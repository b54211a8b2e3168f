#pragma once

#include <string>

namespace bridge {

/// A random (version 4) UUID in lower case, from the kernel's random source.
[[nodiscard]] std::string new_uuid();

}  // namespace bridge
