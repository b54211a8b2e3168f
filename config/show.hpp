#pragma once

#include <string>

#include "config/config.hpp"
#include "config/origin.hpp"

namespace bridge::config {

enum class WithOrigin { no, yes };

/// The effective configuration as a YAML file with every key, for `config show`. With origins each
/// line ends in where its value came from: "# default", "# /x/config.yaml:3", "# env NAME", "# flag
/// --backend". Secrets are masked: of an upstream or a proxy only the origin is shown, of a
/// runtime's `config` no text, and the log's redaction covers the rest. A configuration without
/// secrets can be loaded again.
[[nodiscard]] std::string show_config(Config const& config, Origins const& origins,
                                      WithOrigin with_origin = WithOrigin::no);

}  // namespace bridge::config
