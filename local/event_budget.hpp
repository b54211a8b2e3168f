#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "net/asio.hpp"

namespace bridge::local {

/// How many of the plentiful events of one run are worth recording: a burst, then so many a second,
/// and so many in all. A page in a loop must neither hold up the others nor fill the disk. Counts
/// what it refuses. Pure: the time comes in.
class EventBudget {
 public:
  static constexpr double kBurst = 5000;
  static constexpr double kPerSecond = 1000;
  static constexpr std::uint64_t kMost = 500'000;

  /// False: this one (by its CDP method) is not to be recorded.
  [[nodiscard]] bool allow(std::string_view method, Clock::time_point when);

  /// Counts one that cannot be recorded for another reason.
  void refuse(std::string_view method);

  /// What was refused since the last call, by method.
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> take_refused();

 private:
  double left_ = kBurst;
  std::uint64_t allowed_ = 0;
  std::optional<Clock::time_point> last_;
  std::map<std::string, std::uint64_t, std::less<>> refused_;
};

}  // namespace bridge::local
