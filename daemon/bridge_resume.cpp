#include <fmt/format.h>

#include <utility>

#include "base/backoff.hpp"
#include "config/units.hpp"
#include "daemon/bridge.hpp"
#include "daemon/upstream.hpp"

// How a bridge comes back to a run after its connection is gone, with its clients.

namespace bridge {
namespace {

constexpr auto kInterrupted = "INTERRUPTED";  // by give_up_: what is wanted may be another now

}  // namespace

bool Bridge::clients_stay() const {
  bool const wanted = joined_ > 0 || !controller_.is_ours();
  return survives_ && mux_ && was_live_ && not_same_.empty() && !leaving_because_ && !draining_ &&
         wanted;
}

awaitable<FailureOr<std::unique_ptr<net::WsStream>>> Bridge::regain_upstream(Failure why) {
  bool returning = false;
  for (;;) {
    give_up_.emplace(loop_.executor());
    if (!controller_.is_ours()) {
      returning = true;
      co_await while_released();
    }
    if (leaving_because_) co_return *leaving_because_;
    if (draining_) co_return stopping();
    enter(BridgeState::resuming, returning ? "takes the runtime back" : why.text());
    auto opened = co_await redial(why, returning);
    if (opened || controller_.is_ours()) co_return opened;
  }
}

std::optional<Failure> Bridge::ends_redial(Failure const& why, bool returning) const {
  if (leaving_because_) return leaving_because_;
  if (draining_) return stopping();
  bool const wanted = controller_.is_ours() && (joined_ > 0 || returning);
  if (!wanted) return why;
  return std::nullopt;
}

// Until there is a connection to the same run, or there cannot be.
awaitable<FailureOr<std::unique_ptr<net::WsStream>>> Bridge::redial(Failure why, bool returning) {
  auto const deadline = Clock::now() + config_.resume_timeout;
  Backoff pauses(timing_.redial_pause, timing_.redial_pause_max, wakes_);
  std::optional<Clock::time_point> nobody_since;
  for (;;) {
    auto again = co_await redial_once();
    if (again) co_return again;
    if (auto end = ends_redial(why, returning)) co_return std::move(*end);
    if (again.error().code == kInterrupted) {
      pauses.reset();
      continue;
    }
    if (again.error().code == "RUN_OVER") {
      co_return Failure("RUN_OVER", fmt::format("the run is over: {}", why.message));
    }
    // A browser of this machine that has ended: its port would answer if it were there.
    if (!again.error().nobody_there) nobody_since.reset();
    if (again.error().nobody_there && config_.upstream) {
      if (!nobody_since) nobody_since = Clock::now();
      if (Clock::now() - *nobody_since >= timing_.nobody_patience) {
        why.message += "; nothing listens there any more";
        co_return why;
      }
    }
    log_.info("not back yet: {}", again.error().text());
    auto const pause = pauses.next();
    if (Clock::now() + pause >= deadline) {
      why.message += fmt::format("; it did not come back within {}",
                                 config::print_duration(config_.resume_timeout));
      co_return why;
    }
    asio::steady_timer timer(loop_.executor(), pause);
    auto const first = co_await (timer.async_wait(no_throw) || give_up_->wait());
    if (first.index() == 0) continue;
    if (auto end = ends_redial(why, returning)) co_return std::move(*end);
    pauses.reset();
  }
}

awaitable<FailureOr<std::unique_ptr<net::WsStream>>> Bridge::redial_once() {
  auto url = co_await find_upstream_again();
  if (!url) co_return url.error();
  auto first =
      co_await (connect_upstream(loop_, reach_, config_.limits, std::move(*url), timing_.dial) ||
                give_up_->wait());
  if (first.index() == 1) co_return Failure(kInterrupted, "the dial was given up");
  co_return std::get<0>(std::move(first));
}

awaitable<FailureOr<net::Url>> Bridge::find_upstream_again() {
  std::string address;
  if (config_.upstream) {
    address = config_.upstream->reveal();
  } else {
    auto const now = co_await keeper_->address();
    if (!now) co_return now.error();
    if (!*now) co_return Failure("RUN_OVER", "the run is over");
    address = (*now)->reveal();
  }
  auto url = net::parse_url(address);
  if (!url) co_return Failure("UPSTREAM_REFUSED", "the runtime's address is not usable");
  co_return std::move(*url);
}

// Of clients that left while there was no connection: nobody else disposes of them.
void Bridge::take_over_contexts() {
  auto const run = keeper_ ? keeper_->run() : RunId();
  auto const left = std::exchange(contexts_, {});
  for (auto const& context : left) note_soon(Happening::Kind::context_gone, context);
  if (run == std::exchange(contexts_run_, run)) mux_->dispose_contexts({left.begin(), left.end()});
}

}  // namespace bridge
