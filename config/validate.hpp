#pragma once

#include "config/config.hpp"
#include "config/origin.hpp"
#include "config/problem.hpp"

namespace bridge::config {

/// The rules that look at more than one value, or at what a value means: names, ports, addresses,
/// limits. Call it after every layer is in. Problems point to where a value came from and never
/// repeat the value, which may be a secret or come from a variable.
void validate(Config const& config, Origins const& origins, Problems& problems);

}  // namespace bridge::config
