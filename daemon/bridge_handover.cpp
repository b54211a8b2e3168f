#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
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
constexpr char const* kReleased = "released by the user";
constexpr std::string_view kOpenEnd = "acquire";  // in the record, for want of a time

using Wall = std::chrono::system_clock;

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
  log_.info("lets go of the runtime: {}", held_by());
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
  if (draining_) co_return;
  log_.info("drives again");
  note_release();
  if (mux_ && state_ == BridgeState::live) mux_->go_on();
  begin_recovery();  // of what was released when the daemon was killed
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
  if (survives_) mux_->void_contexts();
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
  while (!controller_.is_ours() && !leaving_because_ && !draining_) {
    auto who = held_by();
    if (state_ != BridgeState::released || who != reason_)
      enter(BridgeState::released, std::move(who));
    co_await changed_.wait();
  }
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
  controller_.release(kReleased, until, now);
  note_release();
  watch_controller();
  co_return co_await parted();
}

awaitable<FailureOr<>> Bridge::acquire() {
  auto const able = can_hand_over();
  if (!able) co_return able;
  controller_.take_back_released();
  note_release();
  changed_.notify_all();
  if (!controller_.is_ours()) co_return let_to_another();
  auto const away = [this] {
    return state_ == BridgeState::released || state_ == BridgeState::resuming ||
           state_ == BridgeState::closing;
  };
  bool const was_away = away();
  asio::steady_timer timer(loop_.executor(), config_.attach_timeout);
  while (away() && controller_.is_ours()) {
    auto const first = co_await (changed_.wait() || timer.async_wait(no_throw));
    if (first.index() == 1) co_return attach_timeout("the runtime is not back");
  }
  if (!controller_.is_ours()) co_return let_to_another();
  if (was_away && state_ == BridgeState::cold && last_failure_) co_return *last_failure_;
  co_return FailureOr<>{};
}

// What a user said is kept, as a daemon that is killed does not unsay it.
void Bridge::note_release() {
  auto const* released = controller_.released();
  bool const noted = record_ != nullptr && !record_->holdings().of(config_.name).released.empty();
  if (released == nullptr && !noted) return;
  if (released == nullptr) return note_soon(Happening::Kind::taken_back, "");
  std::string until(kOpenEnd);
  if (released->until) {
    auto const at =
        Wall::now() + std::chrono::duration_cast<Millis>(*released->until - Clock::now());
    until = std::to_string(std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch()).count());
  }
  note_soon(Happening::Kind::released, std::move(until));
}

void Bridge::release_again(std::string const& until) {
  auto const now = Clock::now();
  std::optional<Clock::time_point> end;
  if (until != kOpenEnd) {
    std::int64_t at = 0;
    std::from_chars(until.data(), until.data() + until.size(), at);
    auto const left = Wall::time_point(std::chrono::seconds(at)) - Wall::now();
    if (left <= left.zero()) return;
    end = now + left;
  }
  controller_.release(kReleased, end, now);
  watch_controller();
}

// ---- what others are told of it ---------------------------------------------------------------

std::string Bridge::held_by() const {
  auto const* holder = controller_.holder();
  if (holder == nullptr) return "";
  auto const* released = controller_.released();
  if (released == nullptr) return holder->who;
  auto out = holder->who;
  if (holder != released) out += fmt::format(", and {}", released->who);
  if (released->until) {
    auto const left = std::chrono::duration_cast<Millis>(*released->until - Clock::now());
    auto const at = Wall::to_time_t(Wall::now() + left);
    out += fmt::format(" until {:%H:%M:%S} UTC", fmt::gmtime(at));
  }
  return out + fmt::format("; `bctrl-bridge acquire {}` takes it back", config_.name);
}

Failure Bridge::let_to_another() const {
  return Failure("CONTROLLER_BUSY", fmt::format("the runtime is let to another: {}", held_by()));
}

std::optional<Failure> Bridge::waits_for_acquire() const {
  auto const* released = controller_.released();
  if (released == nullptr || released->until) return std::nullopt;
  return let_to_another();
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
