#pragma once

#include <time.h>

#include <chrono>

namespace bridge {

/// Time since the machine was started, with the time that it slept: what a runtime elsewhere is
/// paid for goes on while the laptop does not. Nobody can set it.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept {
    timespec at{};
    ::clock_gettime(CLOCK_BOOTTIME, &at);
    return time_point(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
  }
};

}  // namespace bridge
