#pragma once

#include <optional>
#include <string>

#include "config/load.hpp"

namespace bridge {

/// `bctrl-bridge serve`: the daemon in the foreground, until SIGINT or SIGTERM, or until its
/// terminal goes; any other SIGHUP is a reload, from the same `sources`. Returns the exit code.
[[nodiscard]] int serve(config::Loaded const& loaded, config::Sources const& sources);

/// `bctrl-bridge local`: the local backend alone on a port, until SIGINT, SIGTERM or SIGHUP.
struct LocalVerb {
  std::uint16_t port = 8787;
  std::string state;  ///< directory; empty: the default one
  bool in_memory = false;
  bool concurrent = false;
  bool recording = false;
};
[[nodiscard]] int serve_local(LocalVerb const& verb, config::Loaded const& loaded,
                              config::Env const& env);

}  // namespace bridge
