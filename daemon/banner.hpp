#pragma once

#include <string>

#include "config/env.hpp"

namespace bridge {

class Daemon;

/// What `serve` prints when it is ready: where the bridges are, and lines to paste.
[[nodiscard]] std::string banner(Daemon& daemon, config::Env const& env);

/// How a shell starts this very program: "bctrl-bridge" when PATH leads to it, else its path.
[[nodiscard]] std::string own_command(config::Env const& env);

}  // namespace bridge
