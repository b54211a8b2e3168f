#pragma once

#include <string>
#include <string_view>

#include "config/env.hpp"
#include "config/objection.hpp"

namespace bridge::config {

/// Replaces ${VAR} and ${VAR:-default} (the default also stands in for an empty value); $$ is a
/// dollar sign. A value is taken as it is: nothing inside it is expanded again. With an objection
/// `out` is left as it was.
[[nodiscard]] Objection expand(std::string_view text, Env const& env, std::string& out);

}  // namespace bridge::config
