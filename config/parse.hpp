#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/env.hpp"
#include "config/origin.hpp"
#include "config/problem.hpp"

namespace bridge::config {

/// Reads the text of a configuration file over `config` and notes where each value stands. `file`
/// is what origins and problems call it; `env` answers ${VAR}. Keeps going after a problem, so that
/// all of them are told; a field with a problem keeps its default. Only shapes and single values
/// are judged here, validate() looks at the whole.
void parse_config(std::string_view text, std::string const& file, Env const& env, Config& config,
                  Origins& origins, Problems& problems);

/// Every key that parse_config knows, such as "version", "api.base_url",
/// "bridges[].limits.clients".
[[nodiscard]] std::vector<std::string> known_keys();

}  // namespace bridge::config
