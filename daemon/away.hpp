#pragma once

#include <chrono>
#include <optional>

#include "net/asio.hpp"

namespace bridge {

/// Tells that this process has not run for a while: the machine slept, or somebody had stopped it.
/// Fed at every tick; reads no clock itself.
class Away {
 public:
  /// A tick that comes later than this behind the last one was not just held up.
  explicit Away(Duration tolerance) : tolerance_(tolerance) {}

  /// `monotonic` stands still while the machine sleeps, `with_sleep` goes on. Yields how long it
  /// was, none at the first tick and while nothing happened.
  [[nodiscard]] std::optional<Duration> look(Duration monotonic, Duration with_sleep);

 private:
  Duration tolerance_;
  std::optional<Duration> monotonic_;
  Duration with_sleep_{};
};

/// CLOCK_MONOTONIC and CLOCK_BOOTTIME.
[[nodiscard]] Duration monotonic_time();
[[nodiscard]] Duration time_with_sleep();

}  // namespace bridge
