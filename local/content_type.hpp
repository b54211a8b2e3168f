#pragma once

#include <string_view>

namespace bridge::local {

/// The media type that a file's name suggests: application/octet-stream when it suggests none.
[[nodiscard]] std::string_view content_type_of(std::string_view name);

}  // namespace bridge::local
