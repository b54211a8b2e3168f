#pragma once

#include <memory>
#include <string>

#include "config/load.hpp"
#include "daemon/ledger.hpp"

namespace bridge {

/// `bctrl-bridge usage [NAME]`.
struct UsageVerb {
  std::string bridge;  ///< empty: all
  std::string since = "30d";
  bool json = false;
};
/// Prints what runs have used, from the ledger, whether a daemon runs or not. Returns the exit
/// code.
[[nodiscard]] int print_usage(UsageVerb const& verb, config::Loaded const& loaded,
                              config::Env const& env);

/// The ledger of this user's daemon; made when there is none.
[[nodiscard]] Result<std::unique_ptr<Ledger>> open_ledger_of(config::Env const& env);

}  // namespace bridge
