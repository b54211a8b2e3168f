#include "daemon/bridge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/backoff.hpp"
#include "base/scope_exit.hpp"
#include "base/uuid.hpp"
#include "config/units.hpp"
#include "daemon/refusal.hpp"
#include "daemon/upstream.hpp"

namespace bridge {

std::string_view to_text(BridgeState state) {
  switch (state) {
    case BridgeState::cold:
      return "cold";
    case BridgeState::waking:
      return "waking";
    case BridgeState::live:
      return "live";
    case BridgeState::resuming:
      return "resuming";
    case BridgeState::released:
      return "released";
    case BridgeState::closing:
      break;
  }
  return "closing";
}

/// Takes what the runtime sends.
class Bridge::Upstream final : public net::WsReceiver {
 public:
  explicit Upstream(Bridge& bridge) : bridge_(bridge) {}
  void on_message(net::WsOpcode kind, std::span<char> payload) override {
    if (kind == net::WsOpcode::text) bridge_.mux_->from_upstream({payload.data(), payload.size()});
  }
  [[nodiscard]] bool begin_pieces(net::WsOpcode kind, std::uint64_t length,
                                  std::string_view head) override {
    return kind == net::WsOpcode::text && bridge_.mux_->begin_pieces(length, head);
  }
  void take_piece(std::string_view piece, bool last) override {
    bridge_.mux_->take_piece(piece, last);
  }
  void on_drained() override { bridge_.room_.notify_all(); }
  void on_received() override { bridge_.look_at_windows(); }
  [[nodiscard]] std::size_t room() const override {
    return bridge_.passing_to_ ? 0 : std::numeric_limits<std::size_t>::max();
  }
  awaitable<void> resumed() override { return bridge_.passing_room(); }

 private:
  Bridge& bridge_;
};

Bridge::Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config)
    : Bridge(loop, std::move(reach), platform, std::move(config), Timing()) {}

Bridge::Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config,
               Timing timing)
    : loop_(loop),
      reach_(std::move(reach)),
      platform_(platform),
      config_(std::move(config)),
      timing_(timing),
      log_(config_.name),
      browser_path_("/devtools/browser/" + new_uuid()),
      lifetime_(rules_of(config_)),
      hold_watch_(timing.hold),
      changed_(loop.executor()),
      room_(loop.executor()),
      drained_(loop.executor()),
      tasks_(loop.executor()) {
  if (config_.runtime && platform != nullptr)
    keeper_.emplace(*platform, *config_.runtime, config_.name);
}

Bridge::~Bridge() = default;

void Bridge::adjust(config::Bridge config, Duration lease) {
  bool const another_lease = config.lease != config_.lease;
  config_ = std::move(config);
  if (keeper_) {
    auto const span = std::chrono::ceil<std::chrono::milliseconds>(lease);
    keeper_->adjust(config_.runtime->create_config, record_ != nullptr ? span : 0ms);
    if (another_lease && record_ != nullptr && !keeper_->run().empty())
      tasks_.spawn(config_.name + " lease", renew_once());
  }
  if (!controller_.is_ours() && mux_) mux_->pause(parked());
  lifetime_.change(rules_of(config_));
  lifetime_.budget_ends(std::nullopt);  // the books say it anew
  changed_.notify_all();
}

void Bridge::enter(BridgeState state, std::string reason) {
  if (state != state_) since_ = std::chrono::system_clock::now();
  if (state != state_ || reason != reason_)
    log_.info("{}{}{}", to_text(state), reason.empty() ? "" : ": ", reason);
  state_ = state;
  reason_ = std::move(reason);
  changed_.notify_all();
}

Failure Bridge::stopping() const {
  return Failure("STOPPING", std::string(leaves_because_));
}

void Bridge::fail(Failure failure) {
  auto reason = failure.text();
  last_failure_ = std::move(failure);
  enter(BridgeState::cold, std::move(reason));
}

Bridge::Status Bridge::status() const {
  Status out;
  out.state = state_;
  out.since = since_;
  out.reason = reason_;
  if (state_ == BridgeState::cold && ending_run_) {
    out.state = BridgeState::closing;  // over when it is stopped; its connection is gone before
  } else if (state_ == BridgeState::cold && !controller_.is_ours()) {
    out.state = BridgeState::released;  // without ever having been connected
    out.reason = held_by();
  }
  // What the user asked for is no failure, and a new try has not failed yet.
  auto const code = last_failure_ ? last_failure_->code : "STOPPED";
  bool const failed =
      code != "STOPPED" && code != "IDLE_STOP" && code != "LAST_CLIENT" && code != "MAX_RUN";
  if (failed && state_ == BridgeState::cold) out.last_failure = last_failure_;
  out.attempts = attempts_;
  out.stops = countdown();
  if (has_budget()) out.budget = budget_now();
  out.clients = clients_.size();
  if (keeper_) {
    out.runtime = keeper_->runtime();
    out.run = keeper_->run();
    out.started_here = keeper_->started_here();
  }
  out.holding = holding_;
  out.connected = upstream_ != nullptr;
  out.connected_since = connected_since_;
  if (auto const* holder = controller_.holder()) out.holder = *holder;
  if (mux_) {
    out.sessions = mux_->sessions();
    out.pending = mux_->pending();
    out.targets = mux_->discovery().size();
    out.counts = mux_->counts();
  }
  return out;
}

// ---- the upstream's life ----------------------------------------------------------------------

awaitable<void> Bridge::life() {
  if (recovering_ && !co_await recover()) co_return;
  auto opened = co_await open_patiently();
  if (!opened || draining_) {
    if (lifetime_.state() == Lifetime::State::starting) lifetime_.end();
    fail(draining_ ? stopping() : opened.error());
    co_return;
  }
  leaving_because_.reset();
  mux_.reset();
  quiet_calls_ = 0;
  for (;;) {
    upstream_ = std::move(*opened);
    upstream_->gather(joined_ > 1);
    connected_since_ = std::chrono::system_clock::now();
    changed_.notify_all();  // let_go() may wait for something to close
    auto const why = co_await run_upstream();
    if (!clients_stay()) {
      co_await send_home(why);
      co_return;
    }
    if (state_ == BridgeState::live && controller_.is_ours())
      gone_since_ = upstream_->last_received();
    mux_->suspend();
    look_at_windows();
    upstream_.reset();
    opened = co_await regain_upstream(why);
    if (opened) continue;
    co_await send_home(opened.error());
    co_return;
  }
}

awaitable<FailureOr<std::unique_ptr<net::WsStream>>> Bridge::open_upstream() {
  auto url = co_await find_upstream();
  if (!url) co_return url.error();
  if (draining_) co_return stopping();
  auto first =
      co_await (connect_upstream(loop_, reach_, config_.limits, std::move(*url), timing_.dial) ||
                give_up_->wait());
  if (first.index() == 1) co_return Failure("STOPPED", "the runtime was stopped");
  co_return std::get<0>(std::move(first));
}

awaitable<FailureOr<net::Url>> Bridge::find_upstream() {
  std::string address;
  joined_run_ = false;
  if (config_.upstream) {
    address = config_.upstream->reveal();
  } else {
    bool const taken_over = found_.has_value();
    lifetime_.await_run();
    auto begun = co_await begin_run();
    if (!begun) co_return begun.error();
    joined_run_ = !begun->started;
    note_run("");
    if (taken_over) lifetime_.had_client();  // as far as we know
    address = begun->connect_url.reveal();
  }
  auto url = net::parse_url(address);
  if (!url) co_return Failure("UPSTREAM_REFUSED", "the runtime's address is not usable");
  co_return std::move(*url);
}

// A new mux learns what the browser is; one that has lost its connection looks for the same
// browser.
void Bridge::meet_browser() {
  if (!mux_) {
    was_live_ = false;
    not_same_.clear();
    cdp::MuxOut& out = *this;
    cdp::MuxOptions options;
    options.survives = survives_ = config_.resume;
    mux_ = std::make_unique<cdp::Mux>(out, options);
    mux_->start([this](cdp::Mux::Answer const& answer) {
      if (!answer.ok()) {
        upstream_->abort();  // no use: this browser will not tell its targets
        return;
      }
      last_failure_.reset();
      was_live_ = true;
      take_over_contexts();
      if (!controller_.is_ours()) mux_->pause(parked());
      enter(BridgeState::live, mux_->discovery().version().product);
    });
    return;
  }
  mux_->resume([this](cdp::Mux::Answer const& answer) {
    if (!answer.ok()) {
      not_same_ = answer.error;
      upstream_->abort();
      return;
    }
    live_since_ = Clock::now();
    if (controller_.is_ours()) mux_->go_on();
    enter(BridgeState::live, fmt::format("{}, again", mux_->discovery().version().product));
  });
}

awaitable<Failure> Bridge::run_upstream() {
  meet_browser();
  Upstream receiver(*this);
  auto ended = co_await (upstream_->run(receiver) || heartbeat() || watch_clients());

  Failure why("UPSTREAM_LOST", "the connection to the runtime ended");
  if (leaving_because_) {
    why = *leaving_because_;
  } else if (ended.index() == 1) {
    why.message = std::get<1>(ended);
  } else if (auto const& close = upstream_->peer_close(); close.code != 0) {
    why.message = fmt::format("the runtime closed the connection ({}{}{})", close.code,
                              close.reason.empty() ? "" : " ", log::redact(close.reason));
  } else {
    why.message = std::get<0>(ended).text();
  }
  if (!not_same_.empty()) why.message = not_same_;
  room_.notify_all();
  co_return why;
}

awaitable<void> Bridge::send_home(Failure why) {
  enter(BridgeState::closing, why.text());
  mux_->lose_upstream();
  auto const code = leaving_because_ ? net::ws_code::going_away : net::ws_code::service_restart;
  co_await send_clients_away(code, close_reason(why));
  if (knows_browser()) last_known_ = mux_->discovery();
  last_known_.clear_targets();
  mux_.reset();
  upstream_.reset();
  holding_.clear();
  protocol_.clear();  // the next browser there may be another
  if (keeper_ && !leaving_because_ && !draining_) {
    bool const over = co_await keeper_->run_is_over();
    if (over && why.code != "RUN_OVER") why.message += "; the run is over";
    note_run(why.code);
  }
  fail(std::move(why));
}

// Ends when the runtime has to be given up, and says why.
awaitable<std::string> Bridge::heartbeat() {
  auto const begun = Clock::now();
  auto heard_from = begun;
  auto last_look = begun;
  std::string why;
  upstream_->ping();  // how far it is
  while (why.empty()) {
    co_await net::sleep_for(timing_.ping_every);
    auto const now = Clock::now();
    // Stopped ourselves (a debugger, a laptop asleep), we have not read what has come meanwhile.
    bool const was_away = now - std::exchange(last_look, now) > timing_.silence_max / 2;
    heard_from = was_away ? now : std::max(heard_from, upstream_->last_received());
    bool const unknown = state_ == BridgeState::waking || state_ == BridgeState::resuming;
    if (unknown && now - begun > timing_.dial) {
      why = "the runtime's browser does not answer";
    } else if (now - heard_from > timing_.silence_max) {
      why = "the runtime has fallen silent";
    } else {
      upstream_->ping();
      if (config_.keep_alive == config::KeepAlive::command) call_quietly("Browser.getVersion");
    }
  }
  upstream_->abort();
  co_return why;
}

// A client that is stopped while a target waits for it, or a request, stops everybody who needs
// these. It is named; one that does not even answer a ping is let go of, and Chrome goes on then.
// One that lives may have its reasons.
awaitable<void> Bridge::watch_clients() {
  for (;;) {
    co_await net::sleep_for(timing_.watch_every);
    if (Clock::now() - live_since_ >= timing_.watch_every) mux_->drop_unbound();
    auto const verdict = hold_watch_.look(mux_->holds(), Clock::now());
    for (auto const who : verdict.to_ping)
      if (auto* client = find_client(who)) client->ws().ping();
    holding_.clear();
    for (auto const& late : verdict.late) {
      auto const who = late.hold.client;
      auto* client = find_client(who);
      if (client == nullptr) continue;
      auto const line = fmt::format("{} holds up {}", client->name(), late.what);
      holding_.push_back(line);
      if (late.first_time) log_.warn("{}", line);
      if (!is_silent(who, late.asked)) continue;
      if (late.hold.request.empty()) {
        let_go_of(who, line);
      } else {
        mux_->ask_whether_paused(late.hold, [this, who, line, asked = late.asked] {
          if (is_silent(who, asked)) let_go_of(who, line);
        });
      }
    }
  }
}

// A ping waits behind a message in pieces, and its answer takes a moment. Who has not been heard of
// since the runtime came back may have lost the same network: TCP sends again after pauses that
// double (RFC 6298), so it may be heard of as late again as that was away.
bool Bridge::is_silent(ClientId who, Clock::time_point since) const {
  constexpr Duration kLongestPause = 120s;
  auto* client = find_client(who);
  if (client == nullptr) return false;
  auto const heard = client->ws().last_received();
  if (heard >= since) return false;
  auto const away = std::min<Duration>(live_since_ - gone_since_, kLongestPause);
  if (heard < live_since_ && Clock::now() - live_since_ < away) return false;
  return Clock::now() - client->ws().last_in_pieces() > timing_.farewell;
}

void Bridge::let_go_of(ClientId who, std::string const& line) {
  auto* client = find_client(who);
  if (client == nullptr || state_ != BridgeState::live) return;
  log_.warn("{}; it answers no ping and is let go of", line);
  client->ws().abort();
}

awaitable<void> Bridge::send_clients_away(std::uint16_t code, std::string reason) {
  for (auto const& [who, client] : clients_) client->ws().close(code, reason);
  asio::steady_timer patience(loop_.executor(), timing_.farewell);
  while (joined_ > 0) {
    auto const first = co_await (changed_.wait() || patience.async_wait(no_throw));
    if (first.index() == 0) continue;
    for (auto const& [who, client] : clients_) client->ws().abort();
    patience.expires_after(timing_.farewell);
  }
}

// A start in flight is waited for: cancelled, it might leave a runtime behind that nobody knows of;
// a dial is given up. An upstream that is on its way out already is waited for too; an attach that
// waits for the same may then wake the bridge before we look again.
awaitable<void> Bridge::let_go(Failure why) {
  asio::steady_timer patience(loop_.executor(), Clock::time_point::max());
  while (state_ != BridgeState::cold) {
    if (state_ == BridgeState::waking && !upstream_) {
      log_.info("waits for what is being started");
      give_up_->notify();
    }
    bool const away = state_ == BridgeState::resuming || state_ == BridgeState::released;
    if (away && !upstream_ && !leaving_because_) {
      leaving_because_ = why;
      give_up_->notify();
      changed_.notify_all();
    }
    bool const open = upstream_ && state_ != BridgeState::closing;
    if (open && !leaving_because_) {
      leaving_because_ = why;
      mux_->lose_upstream();  // each command in flight gets its one answer, before the close frame
      for (auto const& [who, client] : clients_)
        client->ws().close(net::ws_code::going_away, close_reason(why));
      upstream_->close(net::ws_code::normal, "");
      patience.expires_after(timing_.farewell);
    }
    auto const first = co_await (changed_.wait() || patience.async_wait(no_throw));
    if (first.index() == 0) continue;
    if (upstream_) upstream_->abort();  // it does not even take a close frame
    patience.expires_at(Clock::time_point::max());
  }
}

awaitable<FailureOr<>> Bridge::stop_runtime() {
  // An attach waits meanwhile: its start must not meet our stop.
  co_await begin_ending();
  auto const back = scope_exit([this] {
    ending_run_ = false;
    changed_.notify_all();
  });
  if (draining_) co_return stopping();  // another bridge may have the runtime by now
  co_await let_go(Failure("STOPPED", "the runtime was stopped"));
  if (!keeper_) co_return FailureOr<>{};
  auto stopped = co_await keeper_->stop();
  note_run("STOPPED");
  reason_ = stopped ? "the runtime was stopped" : stopped.error().text();
  co_return stopped;
}

}  // namespace bridge
