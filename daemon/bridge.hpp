#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "cdp/mux.hpp"
#include "config/config.hpp"
#include "daemon/client.hpp"
#include "daemon/failure.hpp"
#include "daemon/hold_watch.hpp"
#include "daemon/keeper.hpp"
#include "net/dial.hpp"
#include "net/http_server.hpp"

namespace bridge {

/// Where a bridge stands.
///
///            attach, up                 connected
///   cold ───────────────> waking ─────────────────> live
///    ^  ^                   │ failed                 │ upstream ended, stop
///    │  └───────────────────┘                        v
///    └──────────────────────────────────────────── closing   (clients are sent away, then cold)
///
/// A draining bridge (the daemon ends) goes to cold in the same way and admits nobody.
enum class BridgeState { cold, waking, live, closing };
[[nodiscard]] std::string_view to_text(BridgeState state);

/// One local endpoint paired with one runtime: holds the single upstream connection, which is what
/// holds the controller lock, and the clients that share it. Lives on its Loop; every member runs
/// there.
class Bridge final : private cdp::MuxOut {
 public:
  /// How long this end is patient with the others.
  struct Timing {
    unsigned rejoin_tries = 3;      ///< of a run that was open already and does not take us
    Duration rejoin_pause = 250ms;  ///< before the first of them; doubles
    Duration dial = 30s;  ///< to connect to the runtime, and for its browser to say what it is
    Duration ping_every = 20s;
    Duration silence_max = 75s;  ///< three unanswered pings
    Duration farewell = 5s;      ///< for a peer to take its close frame
    HoldWatch::Timing hold;      ///< for a client that holds others up
    Duration watch_every = 1s;   ///< how often that is looked at
  };

  /// `platform` may be null for a fixed upstream.
  Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config);
  Bridge(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config,
         Timing timing);
  ~Bridge();
  Bridge(Bridge const&) = delete;
  Bridge& operator=(Bridge const&) = delete;

  [[nodiscard]] config::Bridge const& config() const { return config_; }

  /// Wakes the runtime if need be and waits, at most attach_timeout, until clients can join. Any
  /// number of callers share one wake.
  awaitable<FailureOr<>> up();
  /// Sends the clients away (1001), lets go of the upstream and stops the runtime, whoever started
  /// it.
  awaitable<FailureOr<>> stop_runtime();
  /// The daemon ends: as stop_runtime, but only a run that we started is stopped, and only if
  /// on_exit says so. Admits nobody from now on. Yields what happened to the runtime, a phrase to
  /// print.
  awaitable<std::string> shut_down();

  /// Serves one WebSocket from its handshake to its end. `target` empty: the browser endpoint.
  awaitable<void> serve_socket(net::HttpExchange& exchange, std::string target);
  /// A CDP command of ours for the /json routes; only while live.
  awaitable<FailureOr<std::string>> call(std::string method, std::string params);

  /// The schema for /json/protocol: the runtime's own where it can be asked, else the pinned one.
  /// Wakes nobody.
  awaitable<std::string> protocol();

  [[nodiscard]] BridgeState state() const { return state_; }
  /// Version and targets as last known; the targets are empty unless live.
  [[nodiscard]] cdp::Discovery& discovery() {
    return knows_browser() ? mux_->discovery() : last_known_;
  }
  /// "/devtools/browser/<uuid>": fresh for every start of the daemon, never the upstream's path.
  [[nodiscard]] std::string const& browser_path() const { return browser_path_; }

  struct Status {
    BridgeState state;
    std::chrono::system_clock::time_point since;
    std::string reason;  ///< why it is in this state; may be empty
    std::optional<Failure> last_failure;
    RuntimeId runtime;
    RunId run;
    bool started_here = false;
    std::size_t clients = 0;
    std::size_t sessions = 0;
    std::size_t pending = 0;
    std::size_t targets = 0;
    cdp::Mux::Counts counts;
    std::vector<std::string> holding;  ///< "c2 Playwright/1.65.1 holds up ...", a line each
  };
  [[nodiscard]] Status status() const;

  // For Client.
  void from_client(ClientId who, std::string_view frame);
  [[nodiscard]] bool upstream_full() const;
  awaitable<void> upstream_room();

 private:
  class Upstream;

  void to_upstream(cdp::Spliced const& message) override;
  void to_client(ClientId who, cdp::Spliced const& message) override;
  void client_leaves(ClientId who) override;
  void target_gone(ClientId who) override;

  void enter(BridgeState state, std::string reason);
  void fail(Failure failure);
  [[nodiscard]] static Failure stopping();
  [[nodiscard]] bool knows_browser() const { return mux_ && mux_->discovery().version().known(); }

  awaitable<void> life();
  awaitable<FailureOr<std::unique_ptr<net::WsStream>>> open_upstream();
  awaitable<FailureOr<net::Url>> find_upstream();
  awaitable<void> run_upstream();
  awaitable<std::string> heartbeat();
  awaitable<void> watch_clients();
  void let_go_of(ClientId who, std::string const& line);
  awaitable<void> send_clients_away(std::uint16_t code, std::string reason);
  awaitable<void> let_go(Failure why);

  awaitable<FailureOr<>> wait_until_live();
  [[nodiscard]] Failure attach_timeout(std::string_view what) const;
  awaitable<FailureOr<>> join(net::HttpExchange& exchange, ClientId who, std::string const& target);
  awaitable<FailureOr<>> admit(net::HttpExchange& exchange);
  awaitable<void> run_client(net::HttpExchange& exchange, ClientId who, std::string kind);
  awaitable<void> evict(ClientId who);
  [[nodiscard]] Client* find_client(ClientId who) const;

  net::Loop& loop_;
  net::Reach reach_;
  config::Bridge config_;
  Timing timing_;
  Log log_;
  std::optional<Keeper> keeper_;
  std::string browser_path_;

  BridgeState state_ = BridgeState::cold;
  std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
  std::string reason_;
  std::optional<Failure> last_failure_;
  std::uint64_t wakes_ = 0;
  bool draining_ = false;
  bool joined_run_ = false;                 // the last start found its run open
  std::optional<net::Signal> give_up_;      // for a dial nobody wants any more
  std::optional<Failure> leaving_because_;  // we end the upstream ourselves, and why

  std::unique_ptr<net::WsStream> upstream_;
  std::unique_ptr<cdp::Mux> mux_;
  cdp::Discovery last_known_;
  std::string protocol_;  // what a fixed upstream said; empty: not asked
  std::map<ClientId, std::unique_ptr<Client>> clients_;
  std::uint64_t last_client_ = 0;
  std::size_t joined_ = 0;  // sockets that use mux_, from before their attach to after their leave

  HoldWatch hold_watch_;
  std::vector<std::string> holding_;

  net::Broadcast changed_;
  net::Broadcast room_;
  net::Tasks tasks_;
};

}  // namespace bridge
