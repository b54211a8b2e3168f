#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "net/asio.hpp"

namespace bridge::local {

/// How many of the plentiful events of one run are worth recording, and how many bytes of them: a
/// burst, then so many a second, and so many in all. A page in a loop must neither hold up the
/// others nor fill the disk. Counts what it refuses. Pure: the time comes in.
class EventBudget {
 public:
  static constexpr double kBurst = 5000;
  static constexpr double kPerSecond = 1000;
  static constexpr std::uint64_t kMost = 500'000;
  static constexpr double kBurstBytes = 32 << 20;
  static constexpr double kBytesPerSecond = 8 << 20;
  static constexpr std::uint64_t kMostBytes = 2ULL << 30;
  /// A single one that is larger is not worth reading, whatever is left.
  static constexpr std::size_t kLargest = 256 << 10;

  enum class Why { too_fast, too_large, full };

  /// False: this one (by its CDP method and size) is not to be recorded.
  [[nodiscard]] bool allow(std::string_view method, std::size_t bytes, Clock::time_point when);

  /// Counts one that cannot be recorded for another reason.
  void refuse(std::string_view method, Why why = Why::too_fast);

  using Counts = std::map<std::string, std::uint64_t, std::less<>>;
  /// What was refused since the last call, by reason and method. That a run is full is told the
  /// first time, and `at_the_end` how much more it would have been.
  [[nodiscard]] std::map<Why, Counts> take_refused(bool at_the_end = false);

 private:
  double left_ = kBurst;
  double bytes_left_ = kBurstBytes;
  std::uint64_t allowed_ = 0;
  std::uint64_t allowed_bytes_ = 0;
  std::optional<Clock::time_point> last_;
  std::map<Why, Counts> refused_;
  bool told_full_ = false;
};

}  // namespace bridge::local
