#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/secret.hpp"

namespace bridge::config {

using Duration = std::chrono::milliseconds;

enum class Backend { local, cloud };
/// When a bridge's runtime is started.
enum class Start { attach, boot };
/// What happens to a runtime that we started when the daemon ends.
enum class OnExit { stop, keep };
/// What keeps a quiet connection to the runtime open: a WebSocket ping alone, or with it a CDP
/// command, for a proxy on the way that takes pings for silence.
enum class KeepAlive { ping, command };

/// The REST API of the cloud. Not used with the local backend.
struct Api {
  std::string base_url = "https://api.bctrl.ai/v1";
  std::string key_file;                         ///< empty: see key.hpp for the other places
  std::string ca_file;                          ///< trusted besides the system's certificates
  std::string proxy;                            ///< empty: HTTPS_PROXY and NO_PROXY decide
  Duration timeout = std::chrono::seconds(30);  ///< one call; a start may take start_timeout
  Duration start_timeout = std::chrono::seconds(120);
};

/// The embedded local backend.
struct Local {
  std::uint16_t port = 0;  ///< 0: any free one
  std::string chromium;    ///< program; empty: BCTRL_BRIDGE_CHROMIUM, chromium, chromium-browser,
                           ///< google-chrome
  std::vector<std::string> chromium_flags;
  std::string state_dir;    ///< empty: "local" below the state directory
  bool in_memory = false;   ///< nothing is kept; profiles live in a temporary directory
  bool concurrent = false;  ///< controllers do not exclude each other
  bool recording = false;   ///< every run is recorded
  /// What is asked through a proxy that is tried: answers with the address that it sees.
  std::string proxy_test_url = "https://api.ipify.org/?format=json";
};

/// The service port: health and the /b/<name>/ addresses.
struct Service {
  std::uint16_t port = 9410;  ///< 0: any free one
};

struct Limits {
  std::size_t client_message = 64ULL << 20;  ///< one message of a client
  std::size_t client_queue =
      64ULL << 20;  ///< bytes waiting for one client; past it the client is closed 1013
  std::size_t upstream_message = 256ULL << 20;  ///< one message of the runtime
  std::size_t upstream_queue =
      64ULL << 20;  ///< bytes waiting for the runtime; past it clients are not read
  std::size_t clients = 256;
};

/// The runtime behind a bridge: an id, or a name that is found or created.
struct RuntimeRef {
  std::string id;
  std::string name;
  std::string space;  ///< id; empty: the key's default space
  std::string create_config =
      "{}";  ///< JSON object, the contract's `config`, used when it is created
};

struct Bridge {
  std::string name;
  std::optional<std::uint16_t> port;  ///< none: 9411, 9412, ... in order; 0: any free one
  std::optional<RuntimeRef> runtime;  ///< exactly one of runtime and upstream is set
  std::optional<Secret>
      upstream;  ///< a fixed CDP endpoint, ws, wss, http or https; may hold a token
  Start start = Start::attach;
  OnExit on_exit = OnExit::stop;
  Duration attach_timeout = std::chrono::seconds(60);
  KeepAlive keep_alive = KeepAlive::ping;
  std::vector<std::string>
      allowed_hosts;  ///< Host names besides IP literals, localhost and *.localhost
  std::vector<std::string> allowed_origins{"devtools://devtools"};
  Limits limits;
};

struct Logging {
  LogLevel level = LogLevel::info;
  log::Format format = log::Format::automatic;
};

/// Everything the daemon needs to know, with the defaults, written here once.
struct Config {
  Backend backend = Backend::local;
  Api api;
  Local local;
  Service service;
  Logging logging;
  std::vector<Bridge> bridges;
};

}  // namespace bridge::config
