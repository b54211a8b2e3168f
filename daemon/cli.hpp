#pragma once

#include "config/env.hpp"

namespace bridge {

/// The command line: parses it and does what it says. Returns the exit code (failure.hpp).
[[nodiscard]] int run_cli(int argc, char** argv, config::Env const& env);

}  // namespace bridge
