#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/backoff.hpp"
#include "base/scope_exit.hpp"
#include "daemon/daemon.hpp"

// Another configuration while the daemon runs.

namespace bridge {
namespace {

using Change = config::Diff::Change;

std::string line_of(config::Diff::OfBridge const& change) {
  return fmt::format("bridge {} {}{}{}", change.name, to_text(change.change),
                     change.keys.empty() ? "" : ": ", fmt::join(change.keys, ", "));
}

config::Diff::OfBridge const* change_of(config::Diff const& diff, std::string const& name) {
  auto const at = std::find_if(diff.bridges.begin(), diff.bridges.end(),
                               [&](auto const& change) { return change.name == name; });
  return at == diff.bridges.end() ? nullptr : &*at;
}

bool has_key(config::Diff::OfBridge const& change, std::string_view key) {
  return std::find(change.keys.begin(), change.keys.end(), key) != change.keys.end();
}

}  // namespace

awaitable<FailureOr<config::Diff>> Daemon::reload() {
  if (!reload_) co_return Failure("CONFIG_INVALID", "this daemon was not started from a file");
  co_return co_await reload_();
}

std::optional<Failure> Daemon::objection_to(config::Config const& next) const {
  for (auto const& bridge : next.bridges) {
    if (bridge.runtime && platform_ == nullptr)
      return Failure("CONFIG_INVALID",
                     fmt::format("bridge {} has a runtime, and this daemon was started without a "
                                 "backend, because no bridge had one: start it again",
                                 bridge.name));
    bool const limited = bridge.budget.time.count() > 0 || bridge.budget.credits > 0;
    if (bridge.runtime && limited && ledger_ == nullptr)
      return Failure("CONFIG_INVALID",
                     fmt::format("bridge {} has a budget, and runs are not written down: see the "
                                 "log of the start",
                                 bridge.name));
  }
  return std::nullopt;
}

awaitable<FailureOr<config::Diff>> Daemon::change_to(
    std::function<FailureOr<config::Config>()> read) {
  while (changing_) co_await changed_.wait();
  if (draining_) co_return Failure("STOPPING", "the daemon is shutting down");
  auto read_now = read();
  if (!read_now) co_return read_now.error();
  auto next = std::move(*read_now);
  if (auto refused = objection_to(next)) co_return std::move(*refused);
  changing_ = true;
  auto const over = scope_exit([this] {
    changing_ = false;
    changed_.notify_all();
  });

  co_await drop_old_servers();
  auto const diff = config::diff(config_, next);
  next.backend = config_.backend;
  next.api = config_.api;
  next.local = config_.local;
  next.service = config_.service;
  Slots leaving;
  for (auto const& [name, change, keys] : diff.bridges)
    if (change == Change::removed || change == Change::replaced)
      leaving.push_back(*find_in(slots_, name));
  // What is free is bound before anything is taken away.
  auto coming = who_comes(next, diff);
  if (auto failed = bind_early(coming, leaving)) co_return std::move(*failed);
  co_await forget_leases(diff);
  co_await take_away(leaving);
  if (draining_) {  // nothing begins any more
    std::erase_if(slots_, [&](auto const& slot) {
      return std::find(leaving.begin(), leaving.end(), slot) != leaving.end();
    });
    co_return Failure("STOPPING", "the daemon is shutting down");
  }
  auto const failures = bind_late(coming, leaving);
  rearrange(std::move(next), diff, std::move(coming));
  for (auto const& change : diff.bridges) log::write(LogLevel::info, line_of(change));
  if (!failures.empty())
    co_return Failure("PORT_UNAVAILABLE", failures + "; all else has been done");
  co_return diff;
}

// Bridges that are added or replaced, and those whose port is another.
std::vector<Daemon::Coming> Daemon::who_comes(config::Config const& next,
                                              config::Diff const& diff) {
  std::vector<Coming> out;
  for (auto const& config : next.bridges) {
    auto const* const change = change_of(diff, config.name);
    if (change == nullptr) continue;
    Coming one{&config, nullptr, nullptr, change->change != Change::adjusted, false};
    if (one.fresh) {
      one.slot = make_slot(config);
    } else {
      one.slot = *find_in(slots_, config.name);
      auto const port = config.port.value_or(0);
      if (!has_key(*change, "port") || port == 0 || port == one.slot->port()) continue;
    }
    one.server = make_server(*one.slot, config);
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<Failure> Daemon::bind_early(std::vector<Coming>& coming, Slots const& leaving) {
  auto const is_held = [&](Coming const& one) {
    auto const port = one.config->port.value_or(0);
    if (port == 0) return find_in(leaving, one.config->name) != leaving.end();
    auto const holds = [port](Slot const& slot) { return slot.port() == port; };
    return std::any_of(leaving.begin(), leaving.end(),
                       [&](auto const& slot) { return holds(*slot); }) ||
           std::any_of(coming.begin(), coming.end(),
                       [&](Coming const& other) { return !other.fresh && holds(*other.slot); });
  };
  for (auto& one : coming) {
    if (is_held(one)) continue;
    if (auto const bound = listen_bridge(*one.server, *one.config, 0); !bound)
      return Failure("PORT_UNAVAILABLE", bound.error().text());
    one.bound = true;
  }
  return std::nullopt;
}

/// Those that cannot be bound stay without a server in `coming`, or at their old port. What went
/// wrong, or empty.
std::string Daemon::bind_late(std::vector<Coming>& coming, Slots const& leaving) {
  for (auto const& one : coming)
    if (!one.fresh) one.slot->server->stop_accepting();
  std::string failures;
  for (auto& one : coming) {
    if (one.bound) continue;
    auto const& config = *one.config;
    auto const old = find_in(leaving, config.name);
    auto const bound =
        listen_bridge(*one.server, config, old == leaving.end() ? 0 : (*old)->port());
    if (bound) continue;
    auto then = fmt::format("bridge {} is left out", config.name);
    one.server->forget_listeners();
    if (one.fresh) {
      one.server.reset();
    } else {
      auto const back = listen_loopback(*one.server, one.slot->port(), config.name);
      then = back ? fmt::format("it stays at port {}", one.slot->port())
                  : fmt::format("bridge {} has no port now", config.name);
    }
    if (!failures.empty()) failures += "; ";
    failures += fmt::format("{}; {}", bound.error().text(), then);
  }
  return failures;
}

void Daemon::rearrange(config::Config next, config::Diff const& diff, std::vector<Coming> coming) {
  Slots now;
  Slots moved;
  std::vector<config::Bridge> bridges;
  for (auto const& config : next.bridges) {
    auto const one = std::find_if(coming.begin(), coming.end(),
                                  [&](Coming const& it) { return it.config->name == config.name; });
    bool const fresh = one != coming.end() && one->fresh;
    if (fresh && !one->server) continue;
    auto slot = fresh ? one->slot : *find_in(slots_, config.name);
    bridges.push_back(config);
    now.push_back(slot);
    if (one != coming.end()) {
      auto const port = config.port.value_or(0);
      if (port != 0 && port != one->server->port())
        bridges.back().port = slot->bridge.config().port;  // to be tried again by the next reload
      if (slot->server) slot->before.push_back(std::move(slot->server));
      slot->server = std::move(one->server);
      if (!fresh) moved.push_back(slot);
    }
    if (fresh) {
      remember(*slot);
      continue;
    }
    auto const* const change = change_of(diff, config.name);
    if (change == nullptr) continue;
    slot->bridge.adjust(bridges.back(), lease_of(config));
    slot->server->set_limits(limits_of(config));
    if (caretaker_ && has_key(*change, "lease")) caretaker_->keep(slot->bridge);
  }
  next.bridges = std::move(bridges);
  slots_ = std::move(now);
  config_ = std::move(next);
  for (auto const& slot : slots_) {
    auto const* const change = change_of(diff, slot->name());
    if (change == nullptr) continue;
    if (change->change == Change::adjusted) {
      if (has_key(*change, "start")) boot_if_wanted(slot);
      continue;
    }
    if (caretaker_) caretaker_->keep(slot->bridge);
    open(slot);
  }
  for (auto const& slot : moved) {
    note_address(*slot);
    slot->server->start();
    log::write(LogLevel::info,
               fmt::format("bridge {} is at http://127.0.0.1:{} now", slot->name(), slot->port()));
  }
}

// A lease that is to be another must not be renewed as it was.
awaitable<void> Daemon::forget_leases(config::Diff const& diff) {
  if (!caretaker_) co_return;
  for (auto const& change : diff.bridges) {
    if (change.change != Change::adjusted || !has_key(change, "lease")) continue;
    auto const slot = *find_in(slots_, change.name);
    co_await caretaker_->forget(slot->bridge);
  }
}

awaitable<void> Daemon::take_away(Slots leaving) {
  for (auto const& slot : leaving) slot->server->stop_accepting();
  if (caretaker_)
    for (auto const& slot : leaving) co_await caretaker_->forget(slot->bridge);
  std::vector<std::string> lines(leaving.size());
  net::Tasks ending(loop_.executor());
  for (std::size_t i = 0; i < leaving.size(); ++i)
    ending.spawn("take away " + leaving[i]->name(), take_away_one(*leaving[i], lines[i]));
  co_await ending.join();
  for (std::size_t i = 0; i < leaving.size(); ++i) {
    if (!leaving[i]->bridge.may_still_run()) continue;
    log::write(LogLevel::error, lines[i]);
    left_.push_back({leaving[i], lines[i]});
    left_tasks_.spawn("stop what is left of " + leaving[i]->name(), stop_left(leaving[i]));
  }
}

awaitable<void> Daemon::take_away_one(Slot& slot, std::string& line) {
  auto const said = co_await slot.bridge.take_away();
  line = fmt::format("{}: {}", slot.name(), said);
  co_await stop_servers(slot);
}

// It is paid for, so it is tried until it is done, or until a bridge has that runtime in use again.
awaitable<void> Daemon::stop_left(std::shared_ptr<Slot> slot) {
  using namespace std::chrono_literals;
  Backoff pauses(2000ms, 60'000ms, 1);
  auto const runtime = slot->bridge.status().runtime;
  auto const is_used = [&] {
    return std::any_of(slots_.begin(), slots_.end(),
                       [&](auto const& other) { return other->bridge.holds(runtime); });
  };
  while (slot->bridge.may_still_run()) {
    if (!co_await net::sleep_for(pauses.next())) co_return;
    if (is_used()) break;
    auto const said = co_await slot->bridge.stop_again();
    auto const left =
        std::find_if(left_.begin(), left_.end(), [&](Left const& one) { return one.slot == slot; });
    left->line = fmt::format("{}: {}", slot->name(), said);
    log::write(slot->bridge.may_still_run() ? LogLevel::error : LogLevel::info, left->line);
  }
  std::erase_if(left_, [&](Left const& one) { return one.slot == slot; });
}

std::size_t Daemon::servers() const {
  std::size_t out = 0;
  for (auto const& slot : slots_) out += 1 + slot->before.size();
  return out;
}

// Of other ports, whose clients have left.
awaitable<void> Daemon::drop_old_servers() {
  std::vector<std::unique_ptr<net::HttpServer>> old;
  for (auto const& slot : slots_) {
    auto const unused =
        std::stable_partition(slot->before.begin(), slot->before.end(),
                              [](auto const& server) { return server->connections() > 0; });
    std::move(unused, slot->before.end(), std::back_inserter(old));
    slot->before.erase(unused, slot->before.end());
  }
  for (auto const& server : old) co_await server->stop();
}

}  // namespace bridge
