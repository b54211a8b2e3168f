#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/bridge.hpp"
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
  /// `platform` may be null when no bridge has a runtime. All arguments outlive the daemon.
  Daemon(net::Loop& loop, config::Config const& config, net::Reach const& reach,
         api::Platform* platform, BackendInfo backend);
  ~Daemon();

  /// Binds everything. The error names the address and, where the kernel tells, who has it.
  Result<void> listen(std::string const& control_socket);
  /// Accepts from now on; bridges with `start: boot` begin to wake.
  void start();
  /// No new clients, clients sent away, runtimes that we started stopped. One line for each bridge.
  awaitable<std::vector<std::string>> shut_down();

  [[nodiscard]] Bridge* find(std::string_view name);
  [[nodiscard]] Endpoint* endpoint(std::string_view name);
  [[nodiscard]] bool draining() const { return draining_; }
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
    Bridge bridge;
    Endpoint endpoint;
    net::HttpServer server;
  };
  static awaitable<void> boot(Bridge& bridge);
  static awaitable<void> shut_down_one(Slot& slot, std::string& line);
  static Result<void> listen_loopback(net::HttpServer& server, std::uint16_t port,
                                      std::string const& what);

  net::Loop& loop_;
  config::Config const& config_;
  BackendInfo backend_;
  std::vector<std::unique_ptr<Slot>> slots_;
  Service service_;
  net::HttpServer service_server_;
  Control control_;
  net::HttpServer control_server_;
  net::Tasks tasks_;
  bool draining_ = false;
};

}  // namespace bridge
