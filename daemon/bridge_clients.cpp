#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/scope_exit.hpp"
#include "cdp/errors.hpp"
#include "cdp/protocol_schema.hpp"
#include "config/units.hpp"
#include "daemon/bridge.hpp"
#include "daemon/refusal.hpp"
#include "daemon/upstream.hpp"
#include "net/ws_handshake.hpp"

// The clients' side of a bridge: who is let in, and what goes to and fro.

namespace bridge {
namespace {

constexpr auto kSchemaLimit = 3s;
constexpr std::size_t kPassingQueue = 1 << 20;  // of a client that gets a reply in pieces
constexpr int kStuckTimes = 20;  // of the patience with a silent runtime, while it talks to others
constexpr Duration kPassingPatience = 100ms;  // for it, per reply
constexpr auto kClientLeft = "CLIENT_LEFT";   // nobody is told: nobody is there

Failure client_left() {
  return Failure(kClientLeft, "the client gave up");
}

}  // namespace

/// A client's place, from its knock to its end.
class Bridge::Seat {
 public:
  explicit Seat(Bridge& bridge) : bridge_(bridge), place_(++bridge.last_place_) {
    ++bridge_.attaches_;
    bridge_.line_.push_back(place_);
    bridge_.note_use();
  }
  ~Seat() {
    if (who_ != ClientId{}) {
      bridge_.clients_.erase(who_);
      bridge_.mux_->leave(who_);
      bridge_.set_joined(bridge_.joined_ - 1);
      bridge_.look_at_windows();
    }
    std::erase(bridge_.line_, place_);
    --bridge_.attaches_;
    bridge_.note_use();
    bridge_.changed_.notify_all();
  }
  Seat(Seat const&) = delete;
  Seat& operator=(Seat const&) = delete;

  /// In the line of those who wait for a turn.
  [[nodiscard]] std::uint64_t place() const { return place_; }
  /// Becomes a client of the mux.
  ClientId take() {
    who_ = ClientId{++bridge_.last_client_};
    bridge_.set_joined(bridge_.joined_ + 1);
    return who_;
  }
  [[nodiscard]] ClientId who() const { return who_; }

 private:
  Bridge& bridge_;
  std::uint64_t place_;
  ClientId who_{};
};

// ---- admission --------------------------------------------------------------------------------

awaitable<FailureOr<>> Bridge::wait_until_live() {
  std::uint64_t seen_wake = 0;
  for (;;) {
    if (draining_) co_return stopping();
    // What is being ended has no room for one more: whoever comes now gets the next run.
    bool const open = !leaving_because_ && controller_.is_ours();
    if (state_ == BridgeState::live && open) co_return FailureOr<>{};
    bool const impatient = config_.on_busy == config::OnBusy::fail;
    if (impatient && !controller_.is_ours()) co_return let_to_another();
    if (state_ == BridgeState::cold && !ending_run_ && controller_.is_ours()) {
      if (seen_wake == wakes_ && seen_wake != 0) co_return *last_failure_;
      if (auto over = over_budget()) co_return std::move(*over);
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
  patience_until_ = std::max(patience_until_, Clock::now() + config_.attach_timeout);
  ++waiters_;
  note_use();
  auto const done = scope_exit([this] {
    --waiters_;
    note_use();
  });
  asio::steady_timer timer(loop_.executor(), config_.attach_timeout);
  auto first = co_await (wait_until_live() || timer.async_wait(no_throw));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  if (!controller_.is_ours()) co_return let_to_another();
  if (!trouble_) co_return attach_timeout("the runtime is not ready");
  auto still = *trouble_;
  still.message +=
      fmt::format("; still so after {}", config::print_duration(config_.attach_timeout));
  co_return still;
}

// One at a time, where the configuration says so, in the order of their coming.
awaitable<FailureOr<>> Bridge::wait_for_turn(net::HttpExchange& exchange, std::uint64_t place) {
  asio::steady_timer timer(loop_.executor(), config_.attach_timeout);
  auto const is_first = [&] {
    return config_.clients == config::Clients::shared || line_.front() == place;
  };
  while (!is_first() && !draining_) {
    auto const first = co_await (changed_.wait() || exchange.gone() || timer.async_wait(no_throw));
    if (first.index() == 1) co_return client_left();
    if (first.index() == 2)
      co_return Failure(
          "EXCLUSIVE",
          fmt::format(
              "another client has the bridge to itself and did not leave within {}; {} wait",
              config::print_duration(config_.attach_timeout), line_.size() - 1));
  }
  co_return draining_ ? FailureOr<>(stopping()) : FailureOr<>{};
}

// What many send at once leaves for the runtime in one write; one alone need not wait for others.
void Bridge::set_joined(std::size_t count) {
  joined_ = count;
  if (upstream_) upstream_->gather(joined_ > 1);
}

awaitable<FailureOr<>> Bridge::admit(net::HttpExchange& exchange) {
  auto first = co_await (up() || exchange.gone());
  if (first.index() == 1) co_return client_left();
  auto ready = std::get<0>(std::move(first));
  // Others were admitted, or the upstream went, between the wake and our turn.
  if (ready && state_ != BridgeState::live)
    co_return Failure("UPSTREAM_LOST", "the connection to the runtime ended");
  if (ready && joined_ >= config_.limits.clients)
    co_return Failure("TOO_MANY_CLIENTS", fmt::format("{} clients are connected", joined_));
  co_return ready;
}

awaitable<void> Bridge::refuse(net::HttpExchange& exchange, Failure why) {
  if (why.code == kClientLeft) {
    log_.info("a client gave up before it was let in");
    why.code = "STOPPED";
    co_await exchange.reply(refusal(why));
    co_return;
  }
  log_.info("attach refused: {}", why.text());
  co_await exchange.reply(refusal(why));
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
  auto seat = std::make_unique<Seat>(*this);
  auto admitted = co_await wait_for_turn(exchange, seat->place());
  if (admitted) admitted = co_await admit(exchange);
  if (!admitted) co_return co_await refuse(exchange, admitted.error());
  if (!known()) {
    co_await exchange.reply(no_such_target(target));
    co_return;
  }
  auto const who = seat->take();
  auto const joined = co_await join(exchange, who, target);
  if (!joined) {
    bool const page_gone = !target.empty() && state_ == BridgeState::live;
    if (!page_gone) co_return co_await refuse(exchange, joined.error());
    co_await exchange.reply(no_such_target(target));
    co_return;
  }
  net::WsLimits limits;
  limits.message_max = config_.limits.client_message;
  limits.queue_max = config_.limits.client_queue;
  auto accepted = co_await exchange.accept_websocket(limits);
  if (!accepted) co_return;
  auto const agent = exchange.request().header("User-Agent");
  auto client = std::make_unique<Client>(*this, who, agent, std::move(*accepted));
  log_.debug("{} joined as a {} client from {}", client->name(),
             target.empty() ? "browser" : "page", client->ws().peer());
  clients_.emplace(who, std::move(client));
  // What led here is not needed any more: an idle client is to cost little.
  tasks_.spawn("client", run_client(std::move(seat)));
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
  if (first.index() == 1) result = client_left();
  if (first.index() == 2) result = attach_timeout("the runtime's browser does not answer");
  co_return result;
}

awaitable<void> Bridge::run_client(std::unique_ptr<Seat> seat) {
  auto const who = seat->who();
  auto& client = *find_client(who);
  if (state_ != BridgeState::live) {
    client.ws().close(net::ws_code::service_restart, reason_);
  } else if (!mux_->has_root(who)) {
    to_client(who, cdp::Spliced(cdp::kTargetClosedEvent));
    target_gone(who);
  }
  auto const ended = co_await client.run();
  log_.debug("{} left: {}", client.name(), ended.text());
}

// ---- the data path ----------------------------------------------------------------------------

void Bridge::from_client(ClientId who, std::string_view frame) {
  mux_->from_client(who, frame);
}

bool Bridge::upstream_full() const {
  if (mux_ && mux_->held_bytes() > config_.limits.upstream_queue) return true;
  return upstream_ && upstream_->queued() > config_.limits.upstream_queue;
}

// Who is alone with the runtime delays nobody.
std::size_t Bridge::room_for(Client const& client) const {
  if (upstream_full()) return 0;
  if (!mux_ || clients_.size() < 2) return std::numeric_limits<std::size_t>::max();
  return client.window().room(mux_->flow(client.id()));
}

awaitable<void> Bridge::wait_for_room(Client& client) {
  while (upstream_full()) co_await room_.wait();
  net::Signal opened(loop_.executor());
  asio::steady_timer patience(loop_.executor());
  auto const mine = [&](Windowed const& each) { return each.who == client.id(); };
  auto const over = scope_exit([&] {
    for (auto& each : windowed_)
      if (mine(each)) each.opened = nullptr;
  });
  auto answered = mux_ ? mux_->flow(client.id()).answered : 0;
  auto since = Clock::now();
  while (room_for(client) == 0 && !upstream_full()) {
    client.window().filled(mux_->flow(client.id()), Clock::now());
    if (std::none_of(windowed_.begin(), windowed_.end(), mine))
      windowed_.push_back({client.id(), nullptr});
    for (auto& each : windowed_)
      if (mine(each)) each.opened = &opened;
    auto const heard = upstream_ ? upstream_->received_bytes() : 0;
    auto const limit = std::max(timing_.stuck, upstream_ ? 2 * upstream_->round_trip() : 0s);
    patience.expires_after(limit);
    auto const first = co_await (opened.wait() || patience.async_wait(no_throw));
    if (first.index() == 0 || !mux_ || upstream_full()) continue;
    auto const flow = mux_->flow(client.id());
    if (flow.answered != answered) since = Clock::now();
    answered = flow.answered;
    // Answers may wait behind what the runtime tells others, but not for ever.
    bool const quiet = !upstream_ || upstream_->received_bytes() == heard;
    if ((quiet && !passing_to_) || Clock::now() - since > kStuckTimes * limit)
      client.window().stuck(flow);
  }
}

void Bridge::look_at_windows() {
  if (windowed_.empty() || !mux_) return;
  auto const now = Clock::now();
  std::erase_if(windowed_, [&](Windowed& each) {
    auto* const client = find_client(each.who);
    if (client == nullptr) return true;
    auto const flow = mux_->flow(each.who);
    client->window().answered(flow, now, upstream_ ? upstream_->round_trip() : Duration());
    if (each.opened != nullptr && room_for(*client) > 0)
      std::exchange(each.opened, nullptr)->notify();
    return each.opened == nullptr && !client->window().measures();
  });
}

void Bridge::to_upstream(cdp::Spliced const& message) {
  if (upstream_)
    (void)upstream_->send(message.pieces());  // never refuses: the queue has no cap of its own
}

Client* Bridge::find_client(ClientId who) const {
  auto const at = clients_.find(who);
  return at == clients_.end() ? nullptr : at->second.get();
}

void Bridge::to_client(ClientId who, cdp::Spliced const& message) {
  auto* client = find_client(who);
  if (client == nullptr) return;
  if (!client->ws().send(message.pieces())) evict(*client);
}

bool Bridge::begin_message(ClientId who, std::uint64_t length) {
  auto* client = find_client(who);
  if (client == nullptr) return false;
  passing_patience_ = kPassingPatience;
  if (client->ws().begin_message(length)) return true;
  evict(*client);
  return false;
}

void Bridge::continue_message(ClientId who, std::string_view bytes) {
  auto* client = find_client(who);
  if (client == nullptr) return;
  client->ws().put_piece(bytes);
  bool const fast = client->ws().queued() > kPassingQueue;
  if (fast && passing_patience_ > Duration::zero()) passing_to_ = who;
}

// The runtime is never stopped by a client that does not read. One that reads gets a little time to
// keep up with a large reply, behind which everybody waits in any case; else all of it would be
// stored here.
awaitable<void> Bridge::passing_room() {
  auto const begun = Clock::now();
  asio::steady_timer timer(loop_.executor(), passing_patience_);
  for (;;) {
    auto* client = find_client(*passing_to_);
    if (client == nullptr || client->ws().queued() == 0) break;
    auto const first = co_await (drained_.wait() || timer.async_wait(no_throw));
    if (first.index() == 1) break;
  }
  passing_patience_ -= std::min(passing_patience_, Clock::now() - begun);
  passing_to_.reset();
}

void Bridge::client_drained() {
  if (passing_to_) drained_.notify_all();
}

void Bridge::pad_message(ClientId who) {
  if (auto* client = find_client(who)) client->ws().pad();
}

void Bridge::break_off(ClientId who) {
  auto* client = find_client(who);
  if (client == nullptr) return;
  log_.warn("{} is closed: a reply to it cannot be ended", client->name());
  client->ws().abort();
}

void Bridge::evict(Client& client) {
  auto& ws = client.ws();
  log_.warn("{} does not read: {} bytes wait for it, it is closed", client.name(), ws.queued());
  ws.close(net::ws_code::try_again_later, "[SLOW_READER] the client did not read what it was sent");
  tasks_.spawn("evict", evict_later(client.id()));
}

// A client that does not read does not take its close frame either.
awaitable<void> Bridge::evict_later(ClientId who) {
  co_await net::sleep_for(timing_.farewell);
  if (auto* client = find_client(who)) client->ws().abort();
}

void Bridge::client_leaves(ClientId who) {
  if (auto* client = find_client(who)) client->ws().close(net::ws_code::normal, "");
}

void Bridge::context_made(std::string_view context) {
  contexts_.emplace(context);
  note_soon(Happening::Kind::context, std::string(context));
}

void Bridge::context_gone(std::string_view context) {
  contexts_.erase(std::string(context));
  note_soon(Happening::Kind::context_gone, std::string(context));
}

void Bridge::target_gone(ClientId who) {
  if (auto* client = find_client(who)) client->ws().finish();
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
  note_use();
  auto const answered = scope_exit([this] { note_use(); });
  co_await shared->answered.wait();
  co_return std::move(shared->result);
}

awaitable<FailureOr<std::string>> Bridge::look_up(std::string method, std::string params) {
  ++quiet_calls_;
  auto const answered = scope_exit([this] { quiet_calls_ -= quiet_calls_ > 0 ? 1 : 0; });
  co_return co_await call(std::move(method), std::move(params));
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
