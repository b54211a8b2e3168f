#pragma once

#include "config/load.hpp"

namespace bridge {

/// `bctrl-bridge gc`: stops cloud runtimes that a daemon of this state directory has created or
/// started and that nobody holds any more.
struct GcVerb {
  bool own = false;      ///< never asks a daemon: for when it has ended (ExecStopPost=)
  bool dry_run = false;  ///< only says which
  bool json = false;
};
/// Asks the running daemon; where there is none, does the same by the journal and the tag. Bounded
/// in time. Returns the exit code: ok also when there was nothing to do, unavailable when something
/// may still run.
[[nodiscard]] int collect(GcVerb const& verb, config::Loaded const& loaded, config::Env const& env);

}  // namespace bridge
