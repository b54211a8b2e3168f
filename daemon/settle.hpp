#pragma once

#include <functional>

#include "api/platform.hpp"
#include "daemon/ledger.hpp"

namespace bridge {

/// Asks the platform for what the ledger does not know of its runs: when those ended that a crash
/// of ours left open, and the credits, which come after the end. Goes on until it is cancelled.
/// `credits`: whether those of open runs are needed as well, for a budget.
awaitable<void> settle_runs(Ledger& ledger, api::Platform& platform, std::function<bool()> credits);

/// One round of that. `open_too`: not only what has ended.
awaitable<void> settle_once(Ledger& ledger, api::Platform& platform, bool open_too);

}  // namespace bridge
