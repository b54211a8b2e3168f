#include <fmt/format.h>

#include <utility>

#include "api/retry.hpp"
#include "base/backoff.hpp"
#include "base/scope_exit.hpp"
#include "base/uuid.hpp"
#include "daemon/bridge.hpp"

// How a bridge lets somebody else drive its runtime, and takes it back. Who wants it is in
// controller.hpp; here is what that costs the connection.

namespace bridge {
namespace {

constexpr auto kLook = 10ms;               // at the commands under way, before we part
constexpr auto kReleaseLag = 15s;          // for the platform to notice that we have let go
constexpr std::chrono::seconds kWait{20};  // of the API, at a time
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::milliseconds kPauseMax{2000};

// Not about a start, as most of what the platform refuses.
Failure refusal_of(api::ApiError const& error, std::string_view doing) {
  auto failure = failure_of(error, doing);
  if (failure.code == "START_FAILED") failure.code = "REFUSED";
  return failure;
}

}  // namespace

cdp::Mux::Meanwhile Bridge::parked() const {
  return config_.parked == config::Parked::wait ? cdp::Mux::Meanwhile::held
                                                : cdp::Mux::Meanwhile::refused;
}

FailureOr<> Bridge::can_hand_over() const {
  if (draining_) return stopping();
  if (keeper_) return FailureOr<>{};
  return Failure("NO_PLATFORM",
                 "a bridge with a fixed upstream has no platform that could drive it");
}

// ---- the connection follows who drives --------------------------------------------------------

void Bridge::watch_controller() {
  changed_.notify_all();
  if (following_controller_ || controller_.is_ours()) return;
  following_controller_ = true;
  tasks_.spawn(config_.name + " controller", follow_controller());
}

awaitable<void> Bridge::follow_controller() {
  auto const done = scope_exit([this] { following_controller_ = false; });
  quiet_count_.reset();
  auto const quiet_until = Clock::now() + timing_.quiet;
  if (auto const* holder = controller_.holder()) log_.info("lets {} drive", holder->who);
  while (!controller_.is_ours() && !draining_) {
    if (controller_.state() == Controller::State::parting) part(quiet_until);
    auto next = controller_.due().value_or(Clock::time_point::max());
    if (controller_.state() == Controller::State::parting)
      next = std::min(next, Clock::now() + kLook);
    asio::steady_timer timer(loop_.executor(), next);
    auto const first = co_await (changed_.wait() || timer.async_wait(no_throw));
    if (first.index() == 1 && controller_.tick(Clock::now())) changed_.notify_all();
  }
  parting_since_.reset();
  if (mux_) mux_->when_quiet(nullptr);
  log_.info("drives again");
  if (mux_ && state_ == BridgeState::live) mux_->go_on();
  changed_.notify_all();
}

// Right behind an answer, when its client has not asked the next yet, nothing is lost. Clients that
// ask nothing have no such moment and need none; those that never stop asking do not get their way.
void Bridge::find_moment(Clock::time_point now, Clock::time_point quiet_until) {
  auto const commands = mux_->counts().commands;
  bool const still = mux_->in_flight() == 0 && quiet_count_ == commands;
  quiet_count_ = commands;
  if (still || now >= quiet_until) return close_for_another();
  mux_->when_quiet([this] { close_for_another(); });
}

void Bridge::close_for_another() {
  if (controller_.state() != Controller::State::parting || parting_since_) return;
  parting_since_ = Clock::now();
  mux_->pause(parked());
  if (config_.resume) mux_->void_contexts();
  upstream_->close(net::ws_code::normal, "");
}

// One step on the way to no connection.
void Bridge::part(Clock::time_point quiet_until) {
  auto const now = Clock::now();
  switch (state_) {
    case BridgeState::cold:
      controller_.let_go();
      changed_.notify_all();
      return;
    case BridgeState::live:
      if (!parting_since_) return find_moment(now, quiet_until);
      // It does not even take a close frame.
      if (now - *parting_since_ >= timing_.farewell) upstream_->abort();
      return;
    case BridgeState::resuming:
      if (!upstream_) give_up_->notify();
      return;
    case BridgeState::waking:  // what is being started is wanted by whoever is to drive, too
    case BridgeState::released:
    case BridgeState::closing:
      return;
  }
}

awaitable<void> Bridge::while_released() {
  controller_.let_go();
  auto const* holder = controller_.holder();
  enter(BridgeState::released, holder != nullptr ? holder->who : "");
  while (!controller_.is_ours() && !leaving_because_ && !draining_) co_await changed_.wait();
}

// ---- who asks for it --------------------------------------------------------------------------

awaitable<FailureOr<>> Bridge::parted() {
  while (controller_.state() == Controller::State::parting && !draining_) co_await changed_.wait();
  co_return draining_ ? FailureOr<>(stopping()) : FailureOr<>{};
}

awaitable<FailureOr<>> Bridge::release(std::optional<Duration> time) {
  auto const able = can_hand_over();
  if (!able) co_return able;
  auto const now = Clock::now();
  std::optional<Clock::time_point> until;
  if (time) until = now + *time;
  controller_.release("released by the user", until, now);
  watch_controller();
  co_return co_await parted();
}

void Bridge::acquire() {
  controller_.take_back_released();
  changed_.notify_all();
}

// The runtime runs, and nobody of ours is connected to it.
awaitable<FailureOr<Controller::Hold>> Bridge::hand_over(std::string who) {
  auto const able = can_hand_over();
  if (!able) co_return able.error();
  if (controller_.is_ours()) {
    auto const ready = co_await up();
    if (!ready) co_return ready.error();
  }
  auto const hold = controller_.let(std::move(who), Clock::now());
  watch_controller();
  auto const gone = co_await parted();
  if (gone) co_return hold;
  take_back(hold);
  co_return gone.error();
}

void Bridge::take_back(Controller::Hold hold) {
  controller_.take_back(hold);
  changed_.notify_all();
}

// The platform may notice a little later than we that we have let go.
template <class Begin>
std::invoke_result_t<Begin> Bridge::begin_once_free(Begin begin) {
  Backoff pauses(kPause, kPauseMax, wakes_);
  auto const give_up = Clock::now() + kReleaseLag;
  auto begun = co_await begin();
  while (!begun && begun.error().is_busy() && Clock::now() < give_up) {
    co_await net::sleep_for(pauses.next());
    begun = co_await begin();
  }
  co_return begun;
}

awaitable<FailureOr<api::Invocation>> Bridge::invoke(net::HttpExchange& exchange,
                                                     std::string request_json) {
  auto const handed = co_await hand_over("an invocation");
  if (!handed) co_return handed.error();
  auto const hold = *handed;
  auto const back = scope_exit([this, hold] { take_back(hold); });
  auto const runtime = keeper_->runtime();
  auto const key = new_uuid();
  auto begin = [&] { return platform_->create_invocation(runtime, request_json, key); };
  auto begun = co_await begin_once_free(begin);
  if (!begun) co_return refusal_of(begun.error(), "begin the invocation");
  auto const id = begun->id;
  controller_.rename(hold, fmt::format("invocation {}", id.value));
  log_.info("invocation {} ({}) has begun", id.value, begun->action);
  auto now = std::move(*begun);
  Backoff pauses(kPause, kPauseMax, wakes_);
  bool unwanted = false;
  while (!now.ended()) {
    api::ApiResult<api::Waited<api::Invocation>> waited;
    if (unwanted) {
      waited = co_await platform_->wait_invocation(runtime, id, kWait);
    } else {
      auto first = co_await (platform_->wait_invocation(runtime, id, kWait) || exchange.gone());
      if (first.index() == 0) waited = std::move(std::get<0>(first));
      if (first.index() == 1) {
        unwanted = true;
        log_.info("invocation {} is cancelled: who asked for it has gone", id.value);
        auto const told = co_await platform_->cancel_invocation(runtime, id);
        if (!told) log_.warn("cancel the invocation: {}", told.error().text());
        continue;
      }
    }
    if (!waited && !api::is_transient(waited.error()))
      co_return refusal_of(waited.error(), "follow the invocation");
    if (waited) {
      now = std::move(waited->value);
      pauses.reset();
    } else {
      co_await net::sleep_for(pauses.next());
    }
  }
  log_.info("invocation {} {}", id.value, now.status);
  co_return now;
}

awaitable<FailureOr<api::HumanAction>> Bridge::ask_human(
    net::HttpExchange& exchange, std::string message, std::optional<std::chrono::seconds> limit) {
  auto const handed = co_await hand_over("a person");
  if (!handed) co_return handed.error();
  auto const hold = *handed;
  auto const back = scope_exit([this, hold] { take_back(hold); });
  auto const runtime = keeper_->runtime();
  auto const key = new_uuid();
  auto begin = [&] { return platform_->create_human_action(runtime, message, limit, key); };
  auto begun = co_await begin_once_free(begin);
  if (!begun) co_return refusal_of(begun.error(), "ask a person");
  auto now = std::move(*begun);
  Backoff pauses(kPause, kPauseMax, wakes_);
  while (!now.ended()) {
    auto first = co_await (platform_->wait_human_action(runtime, kWait) || exchange.gone());
    if (first.index() == 1) {
      auto const told = co_await platform_->cancel_human_action(runtime);
      if (!told) co_return refusal_of(told.error(), "withdraw what a person was asked");
      co_return *told;
    }
    auto waited = std::move(std::get<0>(first));
    if (!waited && !api::is_transient(waited.error()))
      co_return refusal_of(waited.error(), "wait for a person");
    if (waited) {
      now = std::move(waited->value);
      pauses.reset();
    } else {
      co_await net::sleep_for(pauses.next());
    }
  }
  co_return now;
}

}  // namespace bridge
