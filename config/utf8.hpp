#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace bridge::config {

/// Where `text` stops being UTF-8 text: the first byte of an invalid sequence, or a control
/// character other than tab and line ends. Nothing when all of it is text.
[[nodiscard]] std::optional<std::size_t> first_bad_byte(std::string_view text);

}  // namespace bridge::config
