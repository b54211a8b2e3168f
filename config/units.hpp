#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::config {

/// "250ms", "10s", "5m", "1h": whole numbers, one unit, always a unit.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// In the largest unit that is exact.
[[nodiscard]] std::string print_duration(std::chrono::milliseconds value);

/// Bytes: "64MiB", "512KiB", "1GiB" or a plain number.
[[nodiscard]] std::optional<std::size_t> parse_size(std::string_view text);
/// In the largest unit that is exact.
[[nodiscard]] std::string print_size(std::size_t bytes);

}  // namespace bridge::config
