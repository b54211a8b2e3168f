#include "daemon/bridge.hpp"

#include <fmt/format.h>

#include "base/scope_exit.hpp"
#include "base/uuid.hpp"
#include "cdp/errors.hpp"
#include "cdp/protocol_schema.hpp"
#include "config/units.hpp"
#include "daemon/refusal.hpp"
#include "daemon/upstream.hpp"
#include "net/ws_handshake.hpp"

namespace bridge {
namespace {

constexpr auto kSchemaLimit = 3s;

Failure stopping() {
  return Failure("STOPPING", "the daemon is shutting down");
}

}  // namespace

std::string_view to_text(BridgeState state) {
  switch (state) {
    case BridgeState::cold:
      return "cold";
    case BridgeState::waking:
      return "waking";
    case BridgeState::live:
      return "live";
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
  void on_drained() override { bridge_.room_.notify_all(); }

 private:
  Bridge& bridge_;
};

Bridge::Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config)
    : Bridge(loop, std::move(reach), platform, std::move(config), Timing()) {}

Bridge::Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config,
               Timing timing)
    : loop_(loop),
      reach_(std::move(reach)),
      config_(std::move(config)),
      timing_(timing),
      log_(config_.name),
      browser_path_("/devtools/browser/" + new_uuid()),
      changed_(loop.executor()),
      room_(loop.executor()),
      tasks_(loop.executor()) {
  if (config_.runtime && platform != nullptr)
    keeper_.emplace(*platform, *config_.runtime, config_.name);
}

Bridge::~Bridge() = default;

void Bridge::enter(BridgeState state, std::string reason) {
  if (state != state_) since_ = std::chrono::system_clock::now();
  log_.info("{}{}{}", to_text(state), reason.empty() ? "" : ": ", reason);
  state_ = state;
  reason_ = std::move(reason);
  changed_.notify_all();
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
  // What the user asked for is no failure, and a new try has not failed yet.
  bool const failed = last_failure_ && last_failure_->code != "STOPPED";
  if (failed && state_ == BridgeState::cold) out.last_failure = last_failure_;
  out.clients = clients_.size();
  if (keeper_) {
    out.runtime = keeper_->runtime();
    out.run = keeper_->run();
    out.started_here = keeper_->started_here();
  }
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
  auto opened = co_await open_upstream();
  // A browser that has just died is known to us before the platform knows that its run is over.
  for (unsigned tries = 0; !opened && joined_run_ && !draining_ && tries < timing_.rejoin_tries &&
                           opened.error().code == "UPSTREAM_REFUSED";
       ++tries) {
    co_await net::sleep_for(timing_.rejoin_pause * (1U << tries));
    opened = co_await open_upstream();
  }
  if (!opened || draining_) {
    fail(draining_ ? stopping() : opened.error());
    co_return;
  }
  upstream_ = std::move(*opened);
  leaving_because_.reset();
  changed_.notify_all();  // let_go() may wait for something to close
  co_await run_upstream();
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
    auto begun = co_await keeper_->start();
    if (!begun) co_return begun.error();
    joined_run_ = !begun->started;
    address = begun->connect_url.reveal();
  }
  auto url = net::parse_url(address);
  if (!url) co_return Failure("UPSTREAM_REFUSED", "the runtime's address is not usable");
  co_return std::move(*url);
}

awaitable<void> Bridge::run_upstream() {
  cdp::MuxOut& out = *this;
  mux_ = std::make_unique<cdp::Mux>(out);
  mux_->start([this](cdp::Mux::Answer const& answer) {
    if (!answer.ok()) {
      upstream_->abort();  // no use: this browser will not tell its targets
      return;
    }
    last_failure_.reset();
    auto const& version = mux_->discovery().version();
    enter(BridgeState::live, version.product);
  });
  Upstream receiver(*this);
  auto ended = co_await (upstream_->run(receiver) || heartbeat());

  Failure why("UPSTREAM_LOST", "the connection to the runtime ended");
  if (leaving_because_) {
    why = *leaving_because_;
  } else if (ended.index() == 1) {
    why.message = std::get<1>(ended);
  } else if (auto const& close = upstream_->peer_close(); close.code != 0) {
    why.message = fmt::format("the runtime closed the connection ({} {})", close.code,
                              log::redact(close.reason));
  } else {
    why.message = std::get<0>(ended).text();
  }
  room_.notify_all();
  enter(BridgeState::closing, why.text());
  mux_->lose_upstream();
  auto const code = leaving_because_ ? net::ws_code::going_away : net::ws_code::service_restart;
  co_await send_clients_away(code, close_reason(why));
  if (knows_browser()) last_known_ = mux_->discovery();
  last_known_.clear_targets();
  mux_.reset();
  upstream_.reset();
  protocol_.clear();  // the next browser there may be another
  if (keeper_ && !leaving_because_ && !draining_) {
    bool const over = co_await keeper_->run_is_over();
    if (over) why.message += "; the run is over";
  }
  fail(std::move(why));
}

// Ends when the runtime has to be given up, and says why.
awaitable<std::string> Bridge::heartbeat() {
  auto const begun = Clock::now();
  std::string why;
  while (why.empty()) {
    co_await net::sleep_for(timing_.ping_every);
    auto const now = Clock::now();
    if (state_ == BridgeState::waking && now - begun > timing_.dial) {
      why = "the runtime's browser does not answer";
    } else if (now - upstream_->last_received() > timing_.silence_max) {
      why = "the runtime has fallen silent";
    } else {
      upstream_->ping();
    }
  }
  upstream_->abort();
  co_return why;
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
  co_await let_go(Failure("STOPPED", "the runtime was stopped"));
  if (!keeper_) co_return FailureOr<>{};
  // An attach waits meanwhile: its start must not meet our stop.
  enter(BridgeState::closing, "the runtime is being stopped");
  auto const back = scope_exit([this] { enter(BridgeState::cold, reason_); });
  auto stopped = co_await keeper_->stop();
  reason_ = stopped ? "the runtime was stopped" : stopped.error().text();
  co_return stopped;
}

awaitable<std::string> Bridge::shut_down() {
  draining_ = true;
  co_await let_go(stopping());
  std::string said = "nothing to stop";
  if (keeper_ && (!keeper_->run().empty() || keeper_->start_unsure())) {
    if (!keeper_->started_here() && !keeper_->start_unsure()) {
      said = fmt::format("runtime {} was not started here and is left alone",
                         keeper_->runtime().value);
    } else if (config_.on_exit == config::OnExit::keep) {
      said = fmt::format("runtime {} keeps running (on_exit: keep)", keeper_->runtime().value);
    } else {
      auto const stopped = co_await keeper_->stop();
      said = stopped ? fmt::format("runtime {} stopped", keeper_->runtime().value)
                     : fmt::format("runtime {} MAY STILL RUN: {}", keeper_->runtime().value,
                                   stopped.error().text());
    }
  }
  tasks_.stop();
  co_await tasks_.join();
  co_return said;
}

// ---- admission --------------------------------------------------------------------------------

awaitable<FailureOr<>> Bridge::wait_until_live() {
  std::uint64_t seen_wake = 0;
  for (;;) {
    if (draining_) co_return stopping();
    if (state_ == BridgeState::live) co_return FailureOr<>{};
    if (state_ == BridgeState::cold) {
      if (seen_wake == wakes_ && seen_wake != 0) co_return *last_failure_;
      seen_wake = ++wakes_;
      give_up_.emplace(loop_.executor());
      enter(BridgeState::waking, "");
      tasks_.spawn(config_.name + " upstream", life());
      continue;  // it may have failed at once
    }
    if (state_ == BridgeState::waking) seen_wake = wakes_;
    co_await changed_.wait();
  }
}

Failure Bridge::attach_timeout(std::string_view what) const {
  return Failure("ATTACH_TIMEOUT",
                 fmt::format("{} after {}", what, config::print_duration(config_.attach_timeout)));
}

awaitable<FailureOr<>> Bridge::up() {
  asio::steady_timer timer(loop_.executor(), config_.attach_timeout);
  auto first = co_await (wait_until_live() || timer.async_wait(no_throw));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return attach_timeout("the runtime is not ready");
}

awaitable<FailureOr<>> Bridge::admit(net::HttpExchange& exchange) {
  auto first = co_await (up() || exchange.gone());
  if (first.index() == 1) co_return Failure("STOPPED", "the client left");
  auto ready = std::get<0>(std::move(first));
  // Others were admitted, or the upstream went, between the wake and our turn.
  if (ready && state_ != BridgeState::live)
    co_return Failure("UPSTREAM_LOST", "the connection to the runtime ended");
  if (ready && joined_ >= config_.limits.clients)
    co_return Failure("TOO_MANY_CLIENTS", fmt::format("{} clients are connected", joined_));
  co_return ready;
}

awaitable<void> Bridge::serve_socket(net::HttpExchange& exchange, std::string target) {
  // Tabs die with their run: a page address of a sleeping runtime leads nowhere and wakes nobody.
  auto const known = [&] { return target.empty() || discovery().find(target) != nullptr; };
  if (state_ != BridgeState::waking && !known()) {
    co_await exchange.reply(no_such_target(target));
    co_return;
  }
  if (auto refused = net::ws_refusal(exchange.request())) {
    co_await exchange.reply(std::move(*refused));
    co_return;
  }
  auto const admitted = co_await admit(exchange);
  if (!admitted) {
    log_.info("attach refused: {}", admitted.error().text());
    co_await exchange.reply(refusal(admitted.error()));
    co_return;
  }
  if (!known()) {
    co_await exchange.reply(no_such_target(target));
    co_return;
  }
  ClientId const who{++last_client_};
  ++joined_;
  auto const leave = scope_exit([this, who] {
    clients_.erase(who);
    mux_->leave(who);
    --joined_;
    changed_.notify_all();
  });
  auto const joined = co_await join(exchange, who, target);
  if (!joined) {
    bool const page_gone = !target.empty() && state_ == BridgeState::live;
    auto refused = page_gone ? no_such_target(target) : refusal(joined.error());
    co_await exchange.reply(std::move(refused));
    co_return;
  }
  co_await run_client(exchange, who, target.empty() ? "browser" : "page");
}

awaitable<FailureOr<>> Bridge::join(net::HttpExchange& exchange, ClientId who,
                                    std::string const& target) {
  net::Signal answered(loop_.executor());
  FailureOr<> result;
  mux_->join(who, target, [&](cdp::Mux::Answer const& answer) {
    if (!answer.ok()) result = Failure("UPSTREAM_LOST", answer.error);
    answered.notify();
  });
  asio::steady_timer patience(loop_.executor(), config_.attach_timeout);
  auto const first = co_await (answered.wait() || exchange.gone() || patience.async_wait(no_throw));
  if (first.index() != 0) mux_->leave(who);  // the answer must not come to us any more
  if (first.index() == 1) result = Failure("STOPPED", "the client left");
  if (first.index() == 2) result = attach_timeout("the runtime's browser does not answer");
  co_return result;
}

awaitable<void> Bridge::run_client(net::HttpExchange& exchange, ClientId who, std::string kind) {
  net::WsLimits limits;
  limits.message_max = config_.limits.client_message;
  limits.queue_max = config_.limits.client_queue;
  auto accepted = co_await exchange.accept_websocket(limits);
  if (!accepted) co_return;
  auto owned = std::make_unique<Client>(*this, who, std::move(kind), std::move(*accepted));
  auto& client = *owned;
  clients_.emplace(who, std::move(owned));
  Log const log(fmt::format("{} c{}", config_.name, static_cast<std::uint64_t>(who)));
  log.debug("{} client joined from {}", client.kind(), client.ws().peer());
  if (state_ != BridgeState::live) {
    client.ws().close(net::ws_code::service_restart, reason_);
  } else if (!mux_->has_root(who)) {
    to_client(who, cdp::Spliced(cdp::kTargetClosedEvent));
    target_gone(who);
  }
  auto const ended = co_await client.run();
  log.debug("client left: {}", ended.text());
}

// ---- the data path ----------------------------------------------------------------------------

void Bridge::from_client(ClientId who, std::string_view frame) {
  mux_->from_client(who, frame);
}

bool Bridge::upstream_full() const {
  return upstream_ && upstream_->queued() > config_.limits.upstream_queue;
}

awaitable<void> Bridge::upstream_room() {
  while (upstream_full()) co_await room_.wait();
}

void Bridge::to_upstream(cdp::Spliced const& message) {
  (void)upstream_->send(message.pieces());  // never refuses: the queue has no cap of its own
}

void Bridge::to_client(ClientId who, cdp::Spliced const& message) {
  auto const client = clients_.find(who);
  if (client == clients_.end()) return;
  auto& ws = client->second->ws();
  if (ws.send(message.pieces())) return;
  log_.warn("c{} does not read: {} bytes wait for it, it is closed",
            static_cast<std::uint64_t>(who), ws.queued());
  ws.close(net::ws_code::try_again_later, "[SLOW_READER] the client did not read what it was sent");
  tasks_.spawn("evict", evict(who));
}

// A client that does not read does not take its close frame either.
awaitable<void> Bridge::evict(ClientId who) {
  co_await net::sleep_for(timing_.farewell);
  auto const client = clients_.find(who);
  if (client != clients_.end()) client->second->ws().abort();
}

void Bridge::client_leaves(ClientId who) {
  auto const client = clients_.find(who);
  if (client != clients_.end()) client->second->ws().close(net::ws_code::normal, "");
}

void Bridge::target_gone(ClientId who) {
  auto const client = clients_.find(who);
  if (client != clients_.end()) client->second->ws().finish();
}

awaitable<FailureOr<std::string>> Bridge::call(std::string method, std::string params) {
  if (state_ != BridgeState::live) co_return Failure("STOPPED", "the runtime sleeps");
  // Shared by this coroutine and the mux, which may answer after a cancelled wait.
  struct Shared {
    net::Signal answered;
    FailureOr<std::string> result{std::string()};
  };
  auto const shared = std::make_shared<Shared>(Shared{net::Signal(loop_.executor())});
  mux_->call(method, params, [shared](cdp::Mux::Answer const& answer) {
    if (answer.ok()) {
      shared->result = std::string(answer.result);
    } else {
      shared->result = Failure("UPSTREAM_LOST", answer.error);
    }
    shared->answered.notify();
  });
  co_await shared->answered.wait();
  co_return std::move(shared->result);
}

awaitable<std::string> Bridge::protocol() {
  auto const at = config_.upstream ? net::parse_url(config_.upstream->reveal())
                                   : Result<net::Url>(Error(Errc::not_found, "upstream"));
  if (protocol_.empty() && at && !at->is_ws()) {
    auto fetched = co_await fetch_protocol(loop_, reach_, *at, kSchemaLimit);
    if (fetched) protocol_ = std::move(*fetched);
  }
  co_return protocol_.empty() ? std::string(cdp::pinned_protocol()) : protocol_;
}

}  // namespace bridge
