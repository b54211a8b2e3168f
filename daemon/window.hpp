#pragma once

#include <cstdint>

#include "cdp/mux.hpp"
#include "net/asio.hpp"

namespace bridge {

/// How much of one client may be on its way to the runtime at once, as Flow counts. Who sends more
/// is read no further meanwhile: else the others' commands would wait behind all of it, as the
/// runtime takes one after the other.
///
/// Its size follows the queue that it makes: it shrinks while a full one takes longer to be
/// answered than the way there and back and a little more, and grows while it does not (as TCP
/// Vegas does).
class Window {
 public:
  static constexpr std::uint64_t kStart = 64 * 1024;
  static constexpr std::uint64_t kMin = 16 * 1024;  // pages work in parallel: a few of each
  static constexpr std::uint64_t kMax = 4 * 1024 * 1024;

  /// So much may be read now; 0, or an eighth of the size at least.
  [[nodiscard]] std::size_t room(cdp::Flow const& flow) const;

  /// It is full. When what is on its way has its answers, answered() resizes.
  void filled(cdp::Flow const& flow, Clock::time_point now);
  /// Answers have come. `way`: there and back, without a queue; 0 when it is not known.
  void answered(cdp::Flow const& flow, Clock::time_point now, Duration way);
  /// It is full and there was no answer for a while. What is on its way waits for something else
  /// than its turn, perhaps for a command that we do not read: it counts no more.
  void stuck(cdp::Flow const& flow);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// An answer is awaited that tells how long the queue is.
  [[nodiscard]] bool measures() const { return mark_ != 0; }

 private:
  [[nodiscard]] std::uint64_t counted(cdp::Flow const& flow) const;

  std::uint64_t size_ = kStart;
  std::uint64_t stuck_ = 0;  // of flow.sent: what was sent before does not count
  std::uint64_t mark_ = 0;   // of flow.answered, when the measurement is over
  Clock::time_point begun_{};
};

}  // namespace bridge
