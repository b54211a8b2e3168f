#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/env.hpp"
#include "daemon/api_fields.hpp"

namespace bridge {

/// The verbs that say who drives a bridge's runtime, and the one that ends the daemon. Each asks
/// the running daemon, prints what it answers and returns the exit code.
struct HandoverVerbs {
  std::string name;              ///< of the bridge
  std::string time;              ///< "5m", as the configuration writes it; empty: not given
  std::string action;            ///< of an invocation
  std::vector<ApiField> fields;  ///< of its body
  std::string input;             ///< a file with its body; "-": standard input; empty: none
  std::string message;           ///< for a person

  [[nodiscard]] int release(config::Env const& env) const;
  [[nodiscard]] int acquire(config::Env const& env) const;
  [[nodiscard]] int invoke(config::Env const& env) const;
  [[nodiscard]] int ask_human(config::Env const& env) const;
  [[nodiscard]] int shut_down(config::Env const& env) const;
};

}  // namespace bridge
