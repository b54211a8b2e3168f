#include "daemon/away.hpp"

#include <algorithm>
#include <ctime>

namespace bridge {
namespace {

Duration read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

std::optional<Duration> Away::look(Duration monotonic, Duration with_sleep) {
  auto const before = std::exchange(monotonic_, monotonic);
  auto const before_with_sleep = std::exchange(with_sleep_, with_sleep);
  if (!before) return std::nullopt;
  auto const gap = std::max(monotonic - *before, with_sleep - before_with_sleep);
  if (gap <= tolerance_) return std::nullopt;
  return gap;
}

Duration monotonic_time() {
  return read(CLOCK_MONOTONIC);
}

Duration time_with_sleep() {
  return read(CLOCK_BOOTTIME);
}

}  // namespace bridge
