#pragma once

#include "base/sqlite.hpp"

namespace bridge::local {

/// Brings the tables of an older layout up to date, each step in one piece. Throws StoreFailure for
/// a layout newer than ours.
void migrate(Database& database);

}  // namespace bridge::local
