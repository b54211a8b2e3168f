#include "daemon/settle.hpp"

#include "daemon/usage.hpp"
#include "net/tasks.hpp"

namespace bridge {
namespace {

constexpr auto kEvery = 1min;
// Credits that are not there by then do not come any more.
constexpr auto kCreditsWait = 1h;

}  // namespace

awaitable<void> settle_once(Ledger& ledger, api::Platform& platform, bool open_too) {
  auto const rows = ledger.unsettled();
  for (auto const& row : rows) {
    if (!row.ended && !open_too) continue;
    auto const run = co_await platform.get_run(row.run);
    auto const now = std::chrono::system_clock::now();
    if (!run && !run.error().is_not_found()) continue;  // it may be reached next time
    std::optional<WallTime> finished;
    std::optional<double> credits;
    if (!run) {
      if (!row.ended) finished = row.seen;
      ledger.settled(row.run, finished, credits, true);
      continue;
    }
    credits = run->credits;
    if (run->ended()) {
      finished = parse_time(run->finished_at);
      if (!finished && !row.ended) finished = row.seen;
    }
    auto const end = finished ? finished : row.ended;
    bool const final = run->ended() && (credits || (end && now - *end > kCreditsWait));
    ledger.settled(row.run, finished, credits, final);
  }
}

awaitable<void> settle_runs(Ledger& ledger, api::Platform& platform,
                            std::function<bool()> credits) {
  bool open_too = true;  // what a crash has left
  for (;;) {
    co_await settle_once(ledger, platform, open_too);
    open_too = credits();
    if (!co_await net::sleep_for(kEvery)) co_return;
  }
}

}  // namespace bridge
