#include "base/backoff.hpp"

#include <algorithm>

namespace bridge {

Backoff::Duration Backoff::next() {
  auto const doublings = std::min(tries_, 20U);
  auto const full = std::min(most_.count(), first_.count() << doublings);
  ++tries_;
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  auto const quarter = full / 4;
  auto const off =
      quarter > 0 ? static_cast<std::int64_t>(state_ % static_cast<std::uint64_t>(quarter + 1)) : 0;
  return Duration(full - off);
}

}  // namespace bridge
