#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

Failure no_port(Error const& error) {
  return {"PORT_UNAVAILABLE", error.text()};
}

config::Diff::OfBridge const* change_of(config::Diff const& diff, std::string const& name) {
  auto const at = std::find_if(diff.bridges.begin(), diff.bridges.end(),
                               [&](auto const& change) { return change.name == name; });
  return at == diff.bridges.end() ? nullptr : &*at;
}

}  // namespace

awaitable<FailureOr<config::Diff>> Daemon::reload() {
  if (!reload_) co_return Failure("CONFIG_INVALID", "this daemon was not started from a file");
  co_return co_await reload_();
}

std::optional<Failure> Daemon::objection_to(config::Config const& next) const {
  if (platform_ != nullptr) return std::nullopt;
  auto const needy = std::find_if(next.bridges.begin(), next.bridges.end(),
                                  [](auto const& bridge) { return bridge.runtime.has_value(); });
  if (needy == next.bridges.end()) return std::nullopt;
  return Failure("CONFIG_INVALID",
                 fmt::format("bridge {} has a runtime, and this daemon was started without a "
                             "backend, because no bridge had one: start it again",
                             needy->name));
}

void Daemon::Slot::adjust(config::Bridge const& config) {
  bridge.adjust(config);
  server.set_limits(limits_of(config));
}

awaitable<FailureOr<config::Diff>> Daemon::change_to(config::Config next) {
  while (changing_) co_await changed_.wait();
  if (draining_) co_return Failure("STOPPING", "the daemon is shutting down");
  if (auto refused = objection_to(next)) co_return std::move(*refused);
  changing_ = true;
  auto const over = scope_exit([this] {
    changing_ = false;
    changed_.notify_all();
  });

  auto diff = config::diff(config_, next);
  next.backend = config_.backend;
  next.api = config_.api;
  next.local = config_.local;
  next.service = config_.service;
  Slots leaving;
  for (auto const& [name, change, keys] : diff.bridges)
    if (change == Change::removed || change == Change::replaced)
      leaving.push_back(*find_in(slots_, name));
  // What is free is bound before anything is taken away.
  auto coming = bind_early(next, diff, leaving);
  if (!coming) co_return coming.error();
  co_await take_away(leaving);
  auto const failed = rearrange(std::move(next), diff, leaving, std::move(*coming));
  for (auto const& change : diff.bridges) log::write(LogLevel::info, line_of(change));
  if (failed) co_return *failed;
  co_return diff;
}

// Of the bridges that are added, those whose port none of the others has to leave first.
FailureOr<Daemon::Slots> Daemon::bind_early(config::Config const& next, config::Diff const& diff,
                                            Slots const& leaving) {
  Slots out;
  for (auto const& config : next.bridges) {
    auto const* const change = change_of(diff, config.name);
    if (change == nullptr || change->change != Change::added) continue;
    bool const taken = std::any_of(leaving.begin(), leaving.end(), [&](auto const& slot) {
      return slot->server.port() == config.port.value_or(0);
    });
    if (taken) continue;
    auto const& slot = out.emplace_back(make_slot(config));
    if (auto const bound = listen_bridge(*slot, 0); !bound) return no_port(bound.error());
  }
  return out;
}

/// Slots of `coming` are bound. A port that is not to be had now is the failure, and its bridge is
/// left out.
std::optional<Failure> Daemon::rearrange(config::Config next, config::Diff const& diff,
                                         Slots const& leaving, Slots coming) {
  std::optional<Failure> failed;
  Slots now;
  for (auto const& config : next.bridges) {
    auto const* const change = change_of(diff, config.name);
    if (change == nullptr || change->change == Change::adjusted) {
      auto& slot = now.emplace_back(*find_in(slots_, config.name));
      if (change != nullptr) slot->adjust(config);
      continue;
    }
    if (find_in(coming, config.name) == coming.end()) {
      auto const& slot = coming.emplace_back(make_slot(config));
      auto const old = find_in(leaving, config.name);
      std::uint16_t const before = old == leaving.end() ? 0 : (*old)->server.port();
      if (auto const bound = listen_bridge(*slot, before); !bound) {
        failed = no_port(bound.error());
        failed->message += "; the bridge is gone, all else has been done";
        coming.pop_back();
        continue;
      }
    }
    now.push_back(*find_in(coming, config.name));
  }
  std::erase_if(next.bridges,
                [&](auto const& config) { return find_in(now, config.name) == now.end(); });
  slots_ = std::move(now);
  config_ = std::move(next);
  drain_ = config_.drain;
  for (auto const& slot : coming) {
    if (caretaker_) caretaker_->keep(slot->bridge);
    open(slot);
  }
  return failed;
}

awaitable<void> Daemon::take_away(Slots leaving) {
  constexpr std::string_view kWhy = "the configuration has changed";
  for (auto const& slot : leaving) slot->server.stop_accepting();
  if (caretaker_)
    for (auto const& slot : leaving) co_await caretaker_->forget(slot->bridge);
  std::vector<std::string> lines(leaving.size());
  net::Tasks ending(loop_.executor());
  for (std::size_t i = 0; i < leaving.size(); ++i) {
    ending.spawn("take away " + leaving[i]->bridge.config().name,
                 shut_down_one(*leaving[i], Duration::zero(), kWhy, lines[i]));
  }
  co_await ending.join();
  for (auto const& line : lines) log::write(LogLevel::info, line);
}

}  // namespace bridge
