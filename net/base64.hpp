#pragma once

#include <string>
#include <string_view>

namespace bridge::net {

/// RFC 4648, with padding and without line breaks.
[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace bridge::net
