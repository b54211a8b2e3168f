#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::local {

/// A moment of the calendar, as the API shows it: UTC, milliseconds.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] Timestamp now();
/// "2026-07-10T09:30:00.125Z".
[[nodiscard]] std::string rfc3339(Timestamp when);
/// The same in any form of RFC 3339: with a zone, with more or no digits behind the second.
[[nodiscard]] std::optional<Timestamp> moment_from(std::string_view text);

}  // namespace bridge::local
