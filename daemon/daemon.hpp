#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/diff.hpp"
#include "daemon/bridge.hpp"
#include "daemon/caretaker.hpp"
#include "daemon/control.hpp"
#include "daemon/endpoint.hpp"
#include "daemon/service.hpp"
#include "net/http_server.hpp"

namespace bridge {

/// What the daemon says of its backend.
struct BackendInfo {
  std::string kind;         ///< "local" or "cloud"
  std::string description;  ///< "local backend, real Chromium 156.0.8078.79, nothing goes to BCTRL"
  std::string base_url;
};

/// All bridges of a configuration with their ports, the service port and the control socket.
class Daemon {
 public:
  /// `platform` may be null when no bridge has a runtime, `record` when nothing need survive a
  /// crash. Both, the loop and what `reach` points to outlive the daemon.
  Daemon(net::Loop& loop, config::Config config, net::Reach reach, api::Platform* platform,
         BackendInfo backend, CrashRecord* record = nullptr);
  ~Daemon();

  /// Writes the runs of all bridges down there. Call it before start().
  void keep_ledger(Ledger& ledger);
  /// Binds everything. The error names the address and, where the kernel tells, who has it.
  Result<void> listen(std::string const& control_socket);
  /// Accepts from now on; bridges with `start: boot` begin to wake.
  void start();
  /// Goes on with the configuration that `read` yields, which is asked when its turn has come:
  /// bridges come and go, or go on under other rules with their clients. Yields what it took.
  /// Errors: those of `read`, CONFIG_INVALID and PORT_UNAVAILABLE, and then nothing has changed,
  /// unless the message says so.
  awaitable<FailureOr<config::Diff>> change_to(std::function<FailureOr<config::Config>()> read);
  /// What runs now. Keys that only a start can change are as they were at the start.
  [[nodiscard]] config::Config const& config() const { return config_; }
  /// How the control socket is to get another configuration: reads it and calls change_to().
  using Reload = std::function<awaitable<FailureOr<config::Diff>>()>;
  void reload_by(Reload reload) { reload_ = std::move(reload); }
  awaitable<FailureOr<config::Diff>> reload();
  /// Somebody wants the daemon to end. Commands under way may take as long as `drain`; none: as the
  /// configuration has it.
  void end(std::optional<Duration> drain);
  [[nodiscard]] Duration drain() const { return drain_.value_or(config_.drain); }
  /// Returns when somebody does.
  awaitable<void> end_wanted() { return end_wanted_.wait(); }
  /// No new clients, clients sent away, runtimes that we started stopped. One line for each bridge.
  awaitable<std::vector<std::string>> shut_down();

  /// Stops active runtimes that this daemon, or one before it, has created and that no bridge
  /// holds; with `dry_run` only says which.
  awaitable<FailureOr<std::vector<Reaped>>> reap(bool dry_run);

  /// "main: runtime rt_1 MAY STILL RUN: ...": of bridges that were taken away, and is tried again.
  [[nodiscard]] std::vector<std::string> left_running() const;
  /// "; runtime rt_1 of bridge main may still run": what an end without patience leaves, empty when
  /// that is nothing.
  [[nodiscard]] std::string may_still_run() const;

  /// It may be taken away while it is in use, and is alive as long as this.
  [[nodiscard]] std::shared_ptr<Bridge> find(std::string_view name);
  [[nodiscard]] std::shared_ptr<Endpoint> endpoint(std::string_view name);
  [[nodiscard]] bool draining() const { return draining_; }
  /// Ports of bridges that are listened on, or were and still have clients.
  [[nodiscard]] std::size_t servers() const;
  [[nodiscard]] BackendInfo const& backend() const { return backend_; }
  [[nodiscard]] std::string service_address() const;
  /// The content of the locator file.
  [[nodiscard]] std::string locator_json() { return control_.locator_json(); }

  /// One bridge, as status and env show it.
  struct Listed {
    Bridge* bridge;
    std::string http;  ///< "http://127.0.0.1:9411"
    std::string ws;    ///< "ws://127.0.0.1:9411/devtools/browser/..."
  };
  [[nodiscard]] std::vector<Listed> bridges();

 private:
  struct Slot {
    Slot(net::Loop& loop, net::Reach reach, api::Platform* platform, config::Bridge config);
    [[nodiscard]] std::string const& name() const { return bridge.config().name; }
    /// 0: none.
    [[nodiscard]] std::uint16_t port() const { return server ? server->port() : 0; }
    Bridge bridge;
    Endpoint endpoint;
    std::unique_ptr<net::HttpServer> server;
    std::vector<std::unique_ptr<net::HttpServer>> before;  // of other ports, with their clients
  };
  using Slots = std::vector<std::shared_ptr<Slot>>;
  /// A bridge on its way to a port.
  struct Coming {
    config::Bridge const* config;
    std::shared_ptr<Slot> slot;
    std::unique_ptr<net::HttpServer> server;
    bool fresh = false;  // else it has another port
    bool bound = false;
  };
  static Slots::const_iterator find_in(Slots const& slots, std::string_view name);
  std::shared_ptr<Slot> make_slot(config::Bridge const& config);
  static net::HttpServerLimits limits_of(config::Bridge const& config);
  [[nodiscard]] std::unique_ptr<net::HttpServer> make_server(Slot& slot,
                                                             config::Bridge const& config) const;
  void remember(Slot& slot);
  [[nodiscard]] Duration lease_of(config::Bridge const& config) const;
  void open(std::shared_ptr<Slot> const& slot);
  void boot_if_wanted(std::shared_ptr<Slot> const& slot);
  static awaitable<void> boot(std::shared_ptr<Slot> slot);
  awaitable<void> watch_network();
  static awaitable<void> stop_servers(Slot& slot);
  static awaitable<void> stop_once_more(Slot& slot, std::string& line);
  static awaitable<void> shut_down_one(Slot& slot, Duration drain, std::string& line);

  [[nodiscard]] std::optional<Failure> objection_to(config::Config const& next) const;
  std::vector<Coming> who_comes(config::Config const& next, config::Diff const& diff);
  std::optional<Failure> bind_early(std::vector<Coming>& coming, Slots const& leaving);
  awaitable<void> take_away(Slots leaving);
  static awaitable<void> take_away_one(Slot& slot, std::string& line);
  awaitable<void> stop_left(std::shared_ptr<Slot> slot);
  awaitable<void> drop_old_servers();
  awaitable<void> forget_leases(config::Diff const& diff);
  std::string bind_late(std::vector<Coming>& coming, Slots const& leaving);
  void rearrange(config::Config next, config::Diff const& diff, std::vector<Coming> coming);

  Result<void> listen_bridge(net::HttpServer& server, config::Bridge const& config,
                             std::uint16_t before);
  void note_address(Slot const& slot);
  static Result<void> listen_loopback(net::HttpServer& server, std::uint16_t port,
                                      std::string const& what);

  net::Loop& loop_;
  config::Config config_;
  net::Reach reach_;
  api::Platform* platform_;
  Ledger* ledger_ = nullptr;
  BackendInfo backend_;
  CrashRecord* record_;
  bool leased_;  // runtimes live on when this process is gone
  Slots slots_;  // in the order of the configuration
  struct Left {
    std::shared_ptr<Slot> slot;
    std::string line;
  };
  std::vector<Left> left_;  // taken away, and their runtimes are still to be stopped
  std::optional<Caretaker> caretaker_;
  Service service_;
  net::HttpServer service_server_;
  Control control_;
  net::HttpServer control_server_;
  net::Tasks tasks_;
  net::Tasks left_tasks_;
  net::Signal end_wanted_;
  std::optional<Duration> drain_;  // asked for with the end
  bool draining_ = false;
  bool changing_ = false;
  net::Broadcast changed_;  // it is not any more
  Reload reload_;
};

}  // namespace bridge
