#pragma once

#include <chrono>
#include <cstdint>

namespace bridge {

/// Delays between tries: doubling from `first` to `most`, each shortened by up to a quarter so that
/// many clients do not come back in step. Pure: the same seed gives the same delays.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration first, Duration most, std::uint64_t seed)
      : first_(first), most_(most), state_(seed | 1) {}

  [[nodiscard]] Duration next();
  void reset() { tries_ = 0; }
  [[nodiscard]] unsigned tries() const { return tries_; }

 private:
  Duration first_;
  Duration most_;
  std::uint64_t state_;
  unsigned tries_ = 0;
};

}  // namespace bridge
