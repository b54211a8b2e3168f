#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace bridge::config {

/// What it takes to go from one configuration to another while the daemon runs. Bridges are the
/// same when their names are.
struct Diff {
  enum class Change {
    added,
    removed,
    replaced,  ///< another runtime or upstream: its clients cannot stay
    adjusted,  ///< anything else: its clients stay
  };
  struct OfBridge {
    std::string name;
    Change change{};
    std::vector<std::string> keys;  ///< "limits.clients"; empty when added or removed
    friend bool operator==(OfBridge const&, OfBridge const&) = default;
  };

  std::vector<OfBridge> bridges;   ///< as wanted lists them, the removed ones behind
  std::vector<std::string> keys;   ///< "log.level": of the daemon, can be changed
  std::vector<std::string> fixed;  ///< "local.chromium": takes effect at the next start only

  [[nodiscard]] bool empty() const { return bridges.empty() && keys.empty() && fixed.empty(); }
};

[[nodiscard]] Diff diff(Config const& running, Config const& wanted);

[[nodiscard]] std::string_view to_text(Diff::Change change);

}  // namespace bridge::config
