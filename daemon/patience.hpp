#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/backoff.hpp"
#include "daemon/failure.hpp"
#include "net/asio.hpp"

namespace bridge {

/// Decides whether a start that failed is tried again while clients wait for it. Pure.
class Patience {
 public:
  /// `wait_when_busy`: another controller's end is waited for. The same seed gives the same pauses.
  Patience(bool wait_when_busy, std::uint64_t seed);

  struct Wait {
    std::chrono::milliseconds pause{};
    std::string why;  ///< a phrase for status: "the API asks to wait 2 s"
  };
  /// None: it has failed. `until`: nobody waits longer.
  [[nodiscard]] std::optional<Wait> after(Failure const& failure, Clock::time_point now,
                                          Clock::time_point until);
  /// How often it was tried.
  [[nodiscard]] unsigned tries() const { return tries_; }

 private:
  bool wait_when_busy_;
  Backoff busy_;
  unsigned tries_ = 0;
};

}  // namespace bridge
