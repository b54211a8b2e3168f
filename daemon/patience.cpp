#include "daemon/patience.hpp"

#include <fmt/format.h>

namespace bridge {
namespace {

// A controller that has just left is forgotten by the platform within about a second.
constexpr std::chrono::milliseconds kBusyFirst{500};
constexpr std::chrono::milliseconds kBusyMost{5000};

}  // namespace

Patience::Patience(bool wait_when_busy, std::uint64_t seed)
    : wait_when_busy_(wait_when_busy), busy_(kBusyFirst, kBusyMost, seed) {}

std::optional<Patience::Wait> Patience::after(Failure const& failure, Clock::time_point now,
                                              Clock::time_point until) {
  ++tries_;
  bool const busy = failure.code == "CONTROLLER_BUSY";
  if (busy ? !wait_when_busy_ : !failure.retry_after) return std::nullopt;
  Wait out;
  out.pause = busy ? busy_.next() : *failure.retry_after;
  if (busy && failure.retry_after) out.pause = std::max(out.pause, *failure.retry_after);
  if (now + out.pause >= until) return std::nullopt;
  auto const seconds = std::chrono::duration<double>(out.pause).count();
  out.why = fmt::format("{}, try {} comes in {:.1f} s",
                        busy ? "somebody else drives the runtime" : "the API asks to wait",
                        tries_ + 1, seconds);
  return out;
}

}  // namespace bridge
