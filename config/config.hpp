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
enum class Start { attach, boot, discovery };
/// What happens to a runtime that we started when the daemon ends.
enum class OnExit { stop, keep };
/// What happens to a runtime that we started when its last client has left.
enum class OnLastClient { keep, stop };
/// What a start does that meets another controller: wait for its end, or fail at once.
enum class OnBusy { wait, fail };
enum class BudgetPer { day, month };
/// What keeps a quiet connection to the runtime open: a WebSocket ping alone, or with it a CDP
/// command, for a proxy on the way that takes pings for silence.
enum class KeepAlive { ping, command };

/// What becomes of the commands of clients while somebody else drives the runtime.
enum class Parked { wait, fail };
/// How many clients a bridge has at a time: any number, or one, and the others queue.
enum class Clients { shared, exclusive };

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

/// How much a bridge's runs may use up in a calendar day or month, UTC. 0: no such limit.
struct Budget {
  Duration time{0};         ///< of all runs together
  std::size_t credits = 0;  ///< as the platform counts them for a run, where it does
  BudgetPer per = BudgetPer::day;
};

/// What load_config() makes of idle_stop for the cloud, unless it is given: there an unattended
/// browser is paid for by the minute, and a person who reads for so long waits seconds for a new
/// start.
inline constexpr Duration kCloudIdleStop = std::chrono::minutes(15);

struct Bridge {
  std::string name;
  std::optional<std::uint16_t> port;  ///< none: 9411, 9412, ... in order; 0: any free one
  std::optional<RuntimeRef> runtime;  ///< exactly one of runtime and upstream is set
  std::optional<Secret>
      upstream;  ///< a fixed CDP endpoint, ws, wss, http or https; may hold a token
  Start start = Start::attach;
  OnExit on_exit = OnExit::stop;
  /// A runtime that the bridge created ends by itself when the daemon has not been heard of for so
  /// long; 0: it does not.
  Duration lease = std::chrono::minutes(2);
  Duration idle_stop{0};  ///< without a client and without work; 0: never
  OnLastClient on_last_client = OnLastClient::keep;
  Duration grace = std::chrono::seconds(10);  ///< before on_last_client stops
  Duration max_run{0};                        ///< from the start of a run; 0: without a limit
  Budget budget;
  OnBusy on_busy = OnBusy::wait;
  Duration attach_timeout = std::chrono::seconds(60);
  KeepAlive keep_alive = KeepAlive::ping;
  bool resume = true;  ///< clients stay when the connection to the runtime is lost
  Duration resume_timeout = std::chrono::seconds(30);  ///< how long, until there is another
  Parked parked = Parked::wait;
  Clients clients = Clients::shared;
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
  Duration drain = std::chrono::seconds(5);  ///< for commands under way when the daemon ends
  std::vector<Bridge> bridges;
};

}  // namespace bridge::config
