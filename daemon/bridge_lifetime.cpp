#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/backoff.hpp"
#include "base/scope_exit.hpp"
#include "config/units.hpp"
#include "config/values.hpp"
#include "daemon/bridge.hpp"
#include "daemon/patience.hpp"
#include "daemon/refusal.hpp"

// How long a bridge's runtime lives: starts that wait, runs that end in time, and their books.

namespace bridge {
namespace {

using Wall = std::chrono::system_clock;

constexpr auto kBooksEvery = 30s;

}  // namespace

// ---- a start, as patient as those who wait for it ----------------------------------------------

awaitable<FailureOr<std::unique_ptr<net::WsStream>>> Bridge::open_patiently() {
  Patience patience(config_.on_busy == config::OnBusy::wait,
                    std::hash<std::string>{}(config_.name) + wakes_);
  // The trouble stays: who runs out of time at the very end of a wake that fails hears of it, too.
  trouble_.reset();
  auto const forget = scope_exit([this] { attempts_ = 0; });
  unsigned rejoins = 0;
  for (;;) {
    auto opened = co_await open_upstream();
    if (opened) trouble_.reset();
    if (opened || draining_) co_return opened;
    Duration pause{};
    // A browser that has just died is known to us before the platform knows that its run is over.
    if (joined_run_ && rejoins < timing_.rejoin_tries &&
        opened.error().code == "UPSTREAM_REFUSED") {
      pause = timing_.rejoin_pause * (1U << rejoins++);
    } else {
      auto const wait = patience.after(opened.error(), Clock::now(), patience_until_);
      if (!wait || waiters_ == 0) co_return opened;
      pause = wait->pause;
      attempts_ = patience.tries();
      trouble_ = opened.error();
      enter(BridgeState::waking, fmt::format("{}: {}", wait->why, trouble_->text()));
    }
    asio::steady_timer timer(loop_.executor(), pause);
    auto const first = co_await (timer.async_wait(no_throw) || give_up_->wait());
    if (first.index() == 1) co_return Failure("STOPPED", "the runtime was stopped");
    if (waiters_ == 0) co_return opened;
  }
}

// ---- what the run is needed for ----------------------------------------------------------------

Lifetime::Rules Bridge::rules_of(config::Bridge const& config) {
  Lifetime::Rules out;
  out.idle_stop = config.idle_stop;
  if (config.on_last_client == config::OnLastClient::stop) out.grace = config.grace;
  out.max_run = config.max_run;
  return out;
}

// Called wherever the keeper's run may have become another.
void Bridge::note_run(std::string_view ended_because) {
  auto const run = keeper_ ? keeper_->run() : RunId();
  bool const same = run == noted_run_;
  if (!same && !noted_run_.empty()) {
    lifetime_.end();
    if (ledger_ != nullptr) ledger_->ended(noted_run_, Wall::now(), ended_because);
  }
  noted_run_ = run;
  bool const runs =
      lifetime_.state() == Lifetime::State::idle || lifetime_.state() == Lifetime::State::used;
  if (run.empty() || (same && runs)) return;
  auto const now = Wall::now();
  auto began = now;
  bool const ours = keeper_->started_here();
  if (ledger_ != nullptr) {
    ledger_->begun(config_.name, keeper_->runtime(), run, ours, now);
    if (ours) began = std::min(now, ledger_->started(run).value_or(now));
  }
  auto const boot_now = BootClock::now();
  lifetime_.begin(boot_now, boot_now - (now - began));
  if (std::exchange(watching_, true)) return;
  tasks_.spawn(config_.name + " lifetime", watch_lifetime());
}

void Bridge::note_use() {
  Lifetime::Use use;
  use.clients = attaches_;
  use.busy = waiters_ > 0 || !controller_.is_ours();
  auto const pending = mux_ ? mux_->pending() : 0;
  use.in_flight = pending - std::min(pending, quiet_calls_);
  auto const before = lifetime_.state();
  lifetime_.use(use, BootClock::now());
  // A time has been set, or there is none any more.
  if (lifetime_.state() != before) changed_.notify_all();
}

void Bridge::call_quietly(std::string_view method) {
  ++quiet_calls_;
  mux_->call(method, "{}",
             [this](cdp::Mux::Answer const&) { quiet_calls_ -= quiet_calls_ > 0 ? 1 : 0; });
}

// ---- budget and books --------------------------------------------------------------------------

BudgetLeft Bridge::budget_now() const {
  auto const now = Wall::now();
  auto const period = period_of(config_.budget.per, now);
  auto const rows = ledger_->since(period.from);
  return budget_left(config_.budget, rows, config_.name, now);
}

bool Bridge::has_budget() const {
  auto const& budget = config_.budget;
  bool const limited = budget.time > config::Duration::zero() || budget.credits > 0;
  return limited && ledger_ != nullptr && keeper_;
}

std::optional<Failure> Bridge::over_budget() const {
  if (!has_budget()) return std::nullopt;
  auto const left = budget_now();
  if (!left.used_up()) return std::nullopt;
  auto const in = std::chrono::duration_cast<Millis>(left.period.to - Wall::now());
  auto out = failure_of(Lifetime::Cause::budget);
  out.message += fmt::format("; there is more in {}", print_span(in));
  return out;
}

void Bridge::keep_books() {
  if (ledger_ == nullptr) return;
  auto const now = Wall::now();
  if (now - last_books_ >= kBooksEvery || now < last_books_) {
    last_books_ = now;
    ledger_->seen(noted_run_, now);
  }
  if (!has_budget() || !keeper_->started_here()) return;
  auto const left = budget_now();
  std::optional<Lifetime::Time> at;
  // The ledger counts whole milliseconds: without some more, a run of one of them may be left over.
  if (left.ends) at = BootClock::now() + (*left.ends - now) + 10ms;
  if (left.used_up()) at = BootClock::now();
  lifetime_.budget_ends(at);
}

// ---- the end in time ---------------------------------------------------------------------------

Failure Bridge::failure_of(Lifetime::Cause cause) const {
  using config::print_duration;
  switch (cause) {
    case Lifetime::Cause::idle_stop:
      return Failure("IDLE_STOP", fmt::format("nobody used the runtime for {}",
                                              print_duration(config_.idle_stop)));
    case Lifetime::Cause::last_client:
      return Failure("LAST_CLIENT", "the last client has left");
    case Lifetime::Cause::max_run:
      return Failure("MAX_RUN",
                     fmt::format("the run has gone on for {}", print_duration(config_.max_run)));
    case Lifetime::Cause::budget:
      break;
  }
  return Failure("BUDGET", fmt::format("the budget of this {} is used up",
                                       config::word_for(config_.budget.per)));
}

std::optional<Bridge::Countdown> Bridge::countdown() const {
  auto const end = lifetime_.next();
  if (!end) return std::nullopt;
  auto const left = std::chrono::ceil<std::chrono::seconds>(end->at - BootClock::now());
  Countdown out;
  out.cause = end->cause;
  out.at = Wall::now() + left;
  bool const nobody =
      end->cause == Lifetime::Cause::idle_stop || end->cause == Lifetime::Cause::last_client;
  out.text = fmt::format("{} in {}: {}", keeper_->started_here() ? "stops" : "is let go of",
                         print_span(left), nobody ? "no client" : to_text(end->cause));
  return out;
}

awaitable<void> Bridge::watch_lifetime() {
  auto const over = scope_exit([this] { watching_ = false; });
  while (lifetime_.state() != Lifetime::State::asleep && !draining_) {
    note_use();
    keep_books();
    if (auto const end = lifetime_.look(BootClock::now())) {
      co_await end_run(*end);
      continue;
    }
    bool const leftovers =
        attaches_ == 0 && waiters_ == 0 && lifetime_.state() == Lifetime::State::used;
    auto pause = leftovers ? timing_.idle_poll : timing_.watch_every;
    if (auto const next = lifetime_.next())
      pause = std::clamp(Duration(next->at - BootClock::now()), Duration(1ms), pause);
    asio::steady_timer timer(loop_.executor(), pause);
    co_await (changed_.wait() || timer.async_wait(no_throw));
  }
}

awaitable<void> Bridge::begin_ending() {
  while (ending_run_) co_await changed_.wait();
  ending_run_ = true;
}

// A stop that fails is tried again for as long as nobody uses the runtime: it is paid for.
awaitable<void> Bridge::end_run(Lifetime::End end) {
  auto const why = failure_of(end.cause);
  Backoff pauses(timing_.stop_again, timing_.stop_again_max, wakes_);
  for (;;) {
    auto failed = co_await try_end_run(why);
    if (!failed) co_return;
    auto const pause = pauses.next();
    failed->message = fmt::format("the runtime MAY STILL RUN: {}", failed->message);
    log_.error("{}; tried again in {} s", failed->text(), pause.count() / 1000);
    fail(std::move(*failed));
    asio::steady_timer timer(loop_.executor(), pause);
    while (state_ == BridgeState::cold) {
      auto const first = co_await (changed_.wait() || timer.async_wait(no_throw));
      if (first.index() == 1) break;
    }
    if (draining_ || state_ != BridgeState::cold || keeper_->run().empty()) co_return;
  }
}

// The clients go, and the run ends if it is ours. What is returned has kept it from its end.
awaitable<std::optional<Failure>> Bridge::try_end_run(Failure why) {
  std::optional<Failure> none;
  auto const run = keeper_->run();
  co_await begin_ending();
  auto const done = scope_exit([this] {
    ending_run_ = false;
    changed_.notify_all();
  });
  if (keeper_->run() != run) co_return none;  // somebody else has ended it
  co_await let_go(why);
  lifetime_.end();
  bool const may_run = !keeper_->run().empty() || keeper_->start_unsure();
  bool const ours = keeper_->started_here() || keeper_->start_unsure();
  if (may_run && ours) {
    auto const stopped = co_await keeper_->stop();
    if (!stopped) co_return stopped.error();
    note_run(why.code);
  }
  if (may_run && reason_ != why.text()) fail(why);
  co_return none;
}

// ---- the end of the bridge ---------------------------------------------------------------------

// What comes from now on is not for the runtime any more.
awaitable<void> Bridge::drain_commands() {
  constexpr auto kLook = 10ms;
  while (mux_ && state_ == BridgeState::live && Clock::now() < drain_until_) {
    mux_->pause(cdp::Mux::Meanwhile::held);
    if (mux_->in_flight() == 0) co_return;
    co_await net::sleep_for(kLook);
  }
}

awaitable<std::string> Bridge::shut_down(Duration drain) {
  return leave(drain, "the daemon is shutting down", config_.on_exit);
}

awaitable<std::string> Bridge::take_away() {
  return leave(Duration::zero(), "the configuration has changed", config::OnExit::stop);
}

awaitable<std::string> Bridge::leave(Duration drain, std::string_view why, config::OnExit then) {
  leaves_because_ = why;
  draining_ = true;
  drain_within(drain);
  changed_.notify_all();
  co_await drain_commands();
  co_await let_go(stopping());
  co_await begin_ending();  // no other end meets ours
  auto const ended = scope_exit([this] {
    ending_run_ = false;
    changed_.notify_all();
  });
  std::string said = "nothing to stop";
  if (keeper_ && (!keeper_->run().empty() || keeper_->start_unsure())) {
    if (!may_still_run()) {
      said = fmt::format("runtime {} was not started here and is left alone",
                         keeper_->runtime().value);
    } else if (then == config::OnExit::keep) {
      said = co_await leave_running();
    } else {
      said = co_await stop_again();
    }
  }
  tasks_.stop();
  co_await tasks_.join();
  co_await note_end();
  co_return said;
}

bool Bridge::may_still_run() const {
  return keeper_ &&
         (keeper_->start_unsure() || (keeper_->started_here() && !keeper_->run().empty()));
}

awaitable<std::string> Bridge::stop_again() {
  auto const stopped = co_await keeper_->stop();
  note_run("STOPPING");
  if (stopped) co_return fmt::format("runtime {} stopped", keeper_->runtime().value);
  co_return fmt::format("runtime {} MAY STILL RUN: {}", keeper_->runtime().value,
                        stopped.error().text());
}

}  // namespace bridge
