#include "daemon/hold_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bridge {
namespace {

std::string describe(cdp::Hold const& hold, Duration age) {
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  auto const what = hold.request.empty() ? fmt::format("the start of target {}", hold.target)
                                         : fmt::format("a request of target {}", hold.target);
  return fmt::format("{}, for {} s", what, seconds);
}

}  // namespace

HoldWatch::Verdict HoldWatch::look(cdp::Holds const& holds, Clock::time_point now) {
  auto const& all = holds.all();
  std::erase_if(seen_, [&](auto const& entry) {
    return std::none_of(all.begin(), all.end(),
                        [&](cdp::Hold const& hold) { return hold.number == entry.first; });
  });
  Verdict out;
  for (auto const& hold : all) {
    auto& seen = seen_.try_emplace(hold.number, Seen{now}).first->second;
    auto const age = now - seen.since;
    bool const pinged = seen.pinged != Clock::time_point::min();
    if ((pinged ? now - seen.pinged : age) >= timing_.ping_after) {
      seen.before = std::exchange(seen.pinged, now);
      out.to_ping.push_back(hold.client);
    }
    if (age < timing_.named_after) continue;
    out.late.push_back({hold, describe(hold, age), !std::exchange(seen.named, true), seen.before});
  }
  return out;
}

}  // namespace bridge
