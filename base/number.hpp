#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace bridge {

/// The number that a text is, all of it; none when it is anything else, or too large for `Number`.
template <class Number>
[[nodiscard]] std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  auto const* const end = text.data() + text.size();
  auto const [read, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc() || read != end) return std::nullopt;
  return value;
}

}  // namespace bridge
