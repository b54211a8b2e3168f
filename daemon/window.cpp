#include "daemon/window.hpp"

#include <algorithm>

namespace bridge {
namespace {

// What the queue at the runtime may cost the others. Less would leave it idle now and then.
constexpr Duration kQueue = 50us;
// Less is not worth a read. More would come in bursts, with nothing between.
constexpr std::uint64_t kLeast = 2048;

}  // namespace

std::uint64_t Window::counted(cdp::Flow const& flow) const {
  return flow.sent - std::max(flow.answered, stuck_);
}

std::size_t Window::room(cdp::Flow const& flow) const {
  auto const used = counted(flow);
  return used + std::max(size_ / 8, kLeast) > size_ ? 0 : size_ - used;
}

void Window::filled(cdp::Flow const& flow, Clock::time_point now) {
  if (measures()) return;
  mark_ = flow.sent;
  begun_ = now;
}

void Window::answered(cdp::Flow const& flow, Clock::time_point now, Duration way) {
  if (!measures() || flow.answered < mark_) return;
  mark_ = 0;
  if (way == Duration()) return;
  using Ratio = double;
  auto const wanted = Ratio((way + std::max(kQueue, way / 2)).count());
  auto const took = Ratio(std::max<Duration::rep>((now - begun_).count(), 1));
  auto const size = Ratio(size_) * std::clamp(wanted / took, 0.25, 2.0);
  size_ = std::clamp(static_cast<std::uint64_t>(size), kMin, kMax);
}

void Window::stuck(cdp::Flow const& flow) {
  stuck_ = flow.sent;
  mark_ = 0;
  size_ = std::max(size_, kStart);  // what it waits for may be far behind
}

}  // namespace bridge
