#pragma once

#include <functional>
#include <string>

#include "config/env.hpp"
#include "config/yaml.hpp"

namespace bridge::config {

/// Tells what is wrong at a place of the YAML text.
using ReportProblem = std::function<void(yaml::Place, std::string)>;

/// A YAML map as the JSON text of an object, keys in their order. Plain scalars are typed as
/// YAML 1.2 does: true, false, integers, floats, null; everything else is a string, so `no` is
/// text. Variables are expanded in strings only, and what comes of it stays a string. Problems go
/// to `report`; the text is then incomplete.
[[nodiscard]] std::string json_text(yaml::Value const& map, Env const& env,
                                    ReportProblem const& report);

/// The JSON text with each string value replaced by "***". A runtime's `config` may hold a proxy's
/// password.
[[nodiscard]] std::string masked_json(std::string const& json);

}  // namespace bridge::config
