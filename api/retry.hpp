#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "api/types.hpp"

namespace bridge::api {

// When and how long to wait before a call is sent again, as BCTRL's own SDKs do it. Pure.

/// A repeat of such a request cannot do a thing twice.
[[nodiscard]] bool is_repeatable(std::string_view method, std::string_view idempotency_key);

/// The failure may pass: 408, 429, 500 and above, or no answer at all.
[[nodiscard]] bool is_transient(ApiError const& error);

/// A Retry-After value: seconds, or an HTTP date in any of the three forms of RFC 9110 5.6.7. None
/// when unreadable; zero when the date has passed.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

/// The waits of one client. The same seed gives the same waits.
class RetryDelays {
 public:
  static constexpr unsigned kMaxRetries = 2;

  explicit RetryDelays(std::uint64_t seed) : state_(seed | 1) {}

  /// How long to wait after attempt number `attempt` (from 1) failed with `error`; none: give up.
  [[nodiscard]] std::optional<std::chrono::milliseconds> after(unsigned attempt,
                                                               ApiError const& error);

 private:
  std::uint64_t state_;
};

}  // namespace bridge::api
