#pragma once

#include <functional>
#include <string>

namespace bridge::config {

/// Reads an environment variable as getenv() does: nullptr when it is not set. Injected so that
/// tests set nothing.
using Env = std::function<char const*(char const*)>;

/// The variable's value; empty when it is not set.
[[nodiscard]] inline std::string env_text(Env const& env, char const* name) {
  char const* value = env ? env(name) : nullptr;
  return value ? value : "";
}

}  // namespace bridge::config
