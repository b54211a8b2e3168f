#pragma once

#include <optional>
#include <string>

namespace bridge::config {

/// What is wrong with a value and the way out: `is not a port; write 0 to 65535`. Nothing: it is
/// fine. Never repeats the value, which may be a secret; whoever reports it adds the place, and the
/// value where that is safe.
using Objection = std::optional<std::string>;

}  // namespace bridge::config
