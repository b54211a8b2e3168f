#pragma once

#include <chrono>
#include <string>

namespace bridge::local {

/// A moment of the calendar, as the API shows it: UTC, milliseconds.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] Timestamp now();
/// "2026-07-10T09:30:00.125Z".
[[nodiscard]] std::string rfc3339(Timestamp when);

}  // namespace bridge::local
