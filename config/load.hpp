#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "config/env.hpp"
#include "config/origin.hpp"
#include "config/problem.hpp"

namespace bridge::config {

/// What the command line said, as text: it is read by the same rules as the file.
struct Overrides {
  std::optional<std::string> config;        ///< --config: the file
  std::optional<std::string> backend;       ///< --backend
  std::optional<std::string> log_level;     ///< --log-level
  std::optional<std::string> log_format;    ///< --log-format
  std::optional<std::string> service_port;  ///< --service-port
  std::optional<std::string> chromium;      ///< --chromium
  std::optional<std::string> base_url;      ///< --api-url
  std::optional<std::string> key_file;      ///< --api-key-file; "-" is stdin
};

/// What a configuration that is read while a daemon runs goes by.
struct Running {
  Backend backend{};  ///< whose defaults hold until the next start
  /// Of bridges that got theirs without a word in the configuration: they keep it, whatever bridges
  /// come and go before them.
  std::map<std::string, std::uint16_t> ports = {};
};

/// Where a configuration is made from.
struct Sources {
  Overrides flags;
  Env env;
  std::string system_file = "/etc/bctrl-bridge/config.yaml";  ///< used when the user has none
  std::optional<Running> running = {};                        ///< none: nothing runs yet
};

struct Loaded {
  Config config;
  Origins origins;
  std::string file;  ///< the file that was read; empty: none
};

/// The effective configuration, complete and valid, or everything that is wrong with it.
///
/// Layers, strongest first: flag, environment, file, default. api.base_url is read from
/// BCTRL_API_URL, BCTRL_BASE_URL and BCTRL_API_BASE_URL, in this order, as the vendor's tools name
/// it. File: --config, else $BCTRL_BRIDGE_CONFIG, else config.yaml in the user's
/// configuration directory (paths.hpp), else `system_file`. One that was named must exist; the
/// others may be absent. Filled in: without a word about the backend it is the cloud when
/// BCTRL_API_KEY is set, a key file is named, systemd hands a key over or --api-url names the API;
/// without a list of bridges there is one, "main"; a bridge without runtime and upstream has a
/// runtime of its own name; bridges without a port get 9411 and up, passing over ports that are
/// taken in the configuration.
[[nodiscard]] boost::system::result<Loaded, Problems> load_config(Sources const& sources);

}  // namespace bridge::config
