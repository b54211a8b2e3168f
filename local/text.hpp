#pragma once

#include <string_view>

namespace bridge::local {

/// How many characters UTF-8 text has: limits in JSON schemas are characters.
[[nodiscard]] std::size_t length_of(std::string_view utf8);

/// Begins with a scheme and a colon, and has no space or control character.
[[nodiscard]] bool is_uri(std::string_view text);

}  // namespace bridge::local
