#pragma once

#include <functional>

#include "base/ids.hpp"
#include "local/activity.hpp"

namespace bridge::local {

/// Takes a line of a run's activity down. Called on the loop; must not wait.
using NoteActivity = std::function<void(RunId const& run, Activity const& activity)>;

}  // namespace bridge::local
