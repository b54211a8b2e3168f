#include <fmt/format.h>

#include "base/backoff.hpp"
#include "daemon/bridge.hpp"

// What a bridge does so that nothing is lost when the daemon is killed, sleeps or loses its
// network.

namespace bridge {

void Bridge::keep_record(CrashRecord& record, Duration lease) {
  record_ = &record;
  auto const& left = record.holdings().of(config_.name);
  // The clients of before have this address.
  if (!left.path.empty()) browser_path_ = left.path;
  if (!keeper_) return;
  if (!left.released.empty()) release_again(left.released);
  keeper_->keep_record(record, std::chrono::ceil<std::chrono::milliseconds>(lease));
  keeper_->inherit(left, record.left_lately());
  if (!keeper_->inherits()) return;
  contexts_ = left.contexts;
  contexts_run_ = left.run;
}

void Bridge::begin_recovery() {
  if (!keeper_ || !keeper_->inherits()) return;
  if (state_ != BridgeState::cold || ending_run_ || draining_) return;
  if (!controller_.is_ours()) return note_run("");  // its time goes on, and another drives
  recovering_ = true;
  ++wakes_;
  give_up_.emplace(loop_.executor());
  enter(BridgeState::waking, "looks for the run that a killed daemon has left");
  tasks_.spawn(config_.name + " upstream", life());
}

// Until it is known whether that run is still open. False when it is not, or when nobody wants to
// know any more. Clients that wait for it wake the bridge anew then.
awaitable<bool> Bridge::recover() {
  Backoff pauses(timing_.redial_pause, timing_.redial_pause_max, wakes_);
  for (;;) {
    auto left = co_await keeper_->take_over();
    if (left) {
      recovering_ = false;
      found_ = std::move(*left);
      if (found_) co_return true;
      ++wakes_;
      enter(BridgeState::cold, "the run that a killed daemon has left is over");
      co_return false;
    }
    // A run without an address is being ended, as the killed daemon has asked, or is not there yet.
    bool const passes =
        left.error().code == "API_UNREACHABLE" || left.error().code == "UPSTREAM_REFUSED";
    if (!passes || draining_) {
      recovering_ = false;
      fail(draining_ ? stopping() : left.error());
      co_return false;
    }
    log_.warn("{}", left.error().text());
    last_failure_ = left.error();
    asio::steady_timer timer(loop_.executor(), pauses.next());
    auto const first = co_await (timer.async_wait(no_throw) || give_up_->wait());
    if (first.index() == 0) continue;
    recovering_ = false;
    fail(draining_ ? stopping() : Failure("STOPPED", "the runtime was stopped"));
    co_return false;
  }
}

awaitable<FailureOr<api::RuntimeStart>> Bridge::begin_run() {
  if (!found_) co_return co_await keeper_->start();
  auto found = std::move(*found_);
  found_.reset();
  co_return found;
}

awaitable<std::string> Bridge::leave_running() {
  auto const id = keeper_->runtime().value;
  auto const left = co_await keeper_->leave_running();
  if (left) co_return fmt::format("runtime {} keeps running (on_exit: keep)", id);
  co_return fmt::format("runtime {} keeps running, but only until its lease ends: {}", id,
                        left.error().text());
}

bool Bridge::holds(RuntimeId const& runtime) const {
  if (!keeper_ || keeper_->runtime() != runtime) return false;
  return state_ != BridgeState::cold || !keeper_->run().empty() || keeper_->start_unsure();
}

awaitable<void> Bridge::renew_once() {
  (void)co_await renew_lease();
}

awaitable<bool> Bridge::renew_lease() {
  if (!keeper_) co_return true;
  co_return co_await keeper_->renew_lease();
}

void Bridge::probe() {
  if (state_ == BridgeState::resuming && !upstream_) give_up_->notify();  // dials again at once
  if (state_ == BridgeState::live && upstream_)
    tasks_.spawn(config_.name + " probe", probe_upstream());
}

awaitable<void> Bridge::probe_upstream() {
  auto const asked = Clock::now();
  upstream_->ping();
  co_await net::sleep_for(timing_.probe);
  if (state_ != BridgeState::live || !upstream_ || upstream_->last_received() >= asked) co_return;
  log_.warn("the runtime does not answer a probe");
  upstream_->abort();
}

void Bridge::note_soon(Happening::Kind kind, std::string text) {
  if (record_ == nullptr) return;
  Happening what;
  what.kind = kind;
  what.bridge = config_.name;
  what.text = std::move(text);
  record_->note_soon(std::move(what));
}

// After a clean end there is nothing to come back to: neither a run nor an address.
awaitable<void> Bridge::note_end() {
  if (record_ == nullptr || may_still_run()) co_return;
  Happening dropped;
  dropped.kind = Happening::Kind::dropped;
  dropped.bridge = config_.name;
  (void)co_await record_->note(std::move(dropped));
}

}  // namespace bridge
