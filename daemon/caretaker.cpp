#include "daemon/caretaker.hpp"

#include <algorithm>

#include "base/backoff.hpp"
#include "base/scope_exit.hpp"
#include "daemon/away.hpp"
#include "daemon/recovery.hpp"

namespace bridge {
namespace {

std::chrono::milliseconds in_ms(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

}  // namespace

Caretaker::Caretaker(net::Loop& loop, api::Platform& platform, CrashRecord& record,
                     config::Config const& config, std::vector<Bridge*> bridges, bool leased,
                     Timing timing)
    : loop_(loop),
      platform_(platform),
      record_(record),
      config_(config),
      bridges_(std::move(bridges)),
      leased_(leased),
      timing_(timing),
      awake_(loop.executor()),
      tasks_(loop.executor()) {}

void Caretaker::start() {
  tasks_.spawn("put right", put_right());
  tasks_.spawn("watch", watch());
  for (auto* bridge : bridges_) renew_lease_of(*bridge);
}

awaitable<void> Caretaker::stop() {
  tasks_.stop();
  for (auto& [bridge, renewal] : renewals_) renewal.stop();
  co_await tasks_.join();
  for (auto& [bridge, renewal] : renewals_) co_await renewal.join();
}

void Caretaker::keep(Bridge& bridge) {
  bridges_.push_back(&bridge);
  renew_lease_of(bridge);
}

awaitable<void> Caretaker::forget(Bridge& bridge) {
  std::erase(bridges_, &bridge);
  auto const renewal = renewals_.find(&bridge);
  if (renewal == renewals_.end()) co_return;
  renewal->second.stop();
  co_await renewal->second.join();
  renewals_.erase(renewal);
}

void Caretaker::renew_lease_of(Bridge& bridge) {
  auto const lease = bridge.config().lease;
  if (!leased_ || lease.count() <= 0) return;
  auto& renewal = renewals_.try_emplace(&bridge, loop_.executor()).first->second;
  renewal.spawn("lease " + bridge.config().name, renew(bridge, lease / 3));
}

config::Bridge const* Caretaker::find(std::string const& bridge) const {
  auto const at = std::find_if(config_.bridges.begin(), config_.bridges.end(),
                               [&](config::Bridge const& one) { return one.name == bridge; });
  return at == config_.bridges.end() ? nullptr : &*at;
}

// What was left to bridges that do not take it over.
awaitable<void> Caretaker::put_right() {
  for (auto const& [bridge, left] : record_.left().all()) {
    auto const what = recovery_of(left, find(bridge));
    if (what == Recovery::nothing || what == Recovery::take_over) continue;
    Backoff pauses(in_ms(timing_.retry), in_ms(timing_.retry_max), 1);
    while (recovery_of(left, find(bridge)) == Recovery::stop) {  // a reload may bring it back
      auto const ended = co_await end_left(platform_, bridge, left, record_.left_lately());
      if (ended) break;
      log_.warn("bridge {} is gone, and its runtime {} may still run: {}", bridge,
                left.runtime.value, ended.error().text());
      if (!co_await net::sleep_for(pauses.next())) co_return;
    }
    if (recovery_of(left, find(bridge)) == Recovery::take_over) continue;
    // A bridge of that name may hold another runtime by now.
    auto const& now = record_.holdings().of(bridge);
    if (now.run != left.run || now.starting != left.starting) continue;
    Happening over;
    over.kind = find(bridge) == nullptr ? Happening::Kind::dropped : Happening::Kind::ended;
    over.bridge = bridge;
    (void)co_await record_.note(std::move(over));
  }
  co_await reap_until_done();
}

awaitable<void> Caretaker::reap_until_done() {
  if (std::exchange(reaping_, true)) co_return;
  auto const done = scope_exit([this] { reaping_ = false; });
  Backoff pauses(in_ms(timing_.retry), in_ms(timing_.retry_max), 2);
  for (;;) {
    auto const reaped = co_await reap(false);
    bool const all = reaped && std::none_of(reaped->begin(), reaped->end(), [](auto const& one) {
                       return one.fate == Reaped::Fate::failed;
                     });
    if (all) co_return;
    if (!reaped) log_.warn("{}", reaped.error().text());
    if (!co_await net::sleep_for(pauses.next())) co_return;
  }
}

awaitable<FailureOr<std::vector<Reaped>>> Caretaker::reap(bool dry_run) {
  Reaper::Options options;
  options.owner = record_.owner();
  options.dry_run = dry_run;
  options.is_held = [this](RuntimeId const& runtime) {
    return std::any_of(bridges_.begin(), bridges_.end(),
                       [&](Bridge const* bridge) { return bridge->holds(runtime); });
  };
  options.is_kept = [this](std::string const& bridge) {
    auto const* const config = find(bridge);
    return config != nullptr && config->on_exit == config::OnExit::keep;
  };
  Reaper reaper(platform_, std::move(options));
  auto reaped = co_await reaper.reap();
  if (reaped)
    for (auto const& one : *reaped) {
      bool const news = one.fate == Reaped::Fate::stopped || one.fate == Reaped::Fate::failed;
      if (news) log_.warn("{}", to_line(one));
    }
  co_return reaped;
}

awaitable<void> Caretaker::watch() {
  Away away(timing_.away);
  for (;;) {
    if (auto const gap = away.look(monotonic_time(), time_with_sleep())) was_away(*gap);
    if (!co_await net::sleep_for(timing_.tick)) co_return;
  }
}

// Connections may be dead, leases may have run out, and what we held may be somebody's else.
void Caretaker::was_away(Duration gap) {
  log_.warn("did not run for {} s: looks at everything anew",
            std::chrono::duration_cast<std::chrono::seconds>(gap).count());
  for (auto* bridge : bridges_) bridge->probe();
  awake_.notify_all();
  tasks_.spawn("reap", reap_until_done());
}

awaitable<void> Caretaker::renew(Bridge& bridge, Duration every) {
  auto pause = every;
  for (;;) {
    asio::steady_timer timer(loop_.executor(), pause);
    (void)co_await (timer.async_wait(no_throw) || awake_.wait());
    if (!bridge.has_lease()) {
      pause = every;
      continue;
    }
    bool const renewed = co_await bridge.renew_lease();
    pause = renewed ? every : every / 4;
  }
}

}  // namespace bridge
