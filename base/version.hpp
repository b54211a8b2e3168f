#pragma once

#include <string_view>

namespace bridge {

/// The project's version, as CMakeLists.txt says it.
[[nodiscard]] std::string_view version();

}  // namespace bridge
