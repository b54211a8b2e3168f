#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/holdings.hpp"

namespace bridge {

/// What becomes of what a killed daemon has left, by bridge:
///
///   left                       | bridge has that runtime | bridge is gone, or has another
///   a start without an answer  | take_over               | stop
///   an open run of ours        | take_over               | stop
///   a run that was joined      | take_over               | forget
///   nothing of the kind        | nothing                 | forget when gone, else nothing
///
/// take_over: the start is asked for again with its key, or the run is joined, if it still goes on.
/// A creation without an answer costs nothing, and is found by name and tag when it is needed.
enum class Recovery { nothing, take_over, stop, forget };

/// Pure. `config` is the bridge of the same name, null when there is none.
[[nodiscard]] Recovery recovery_of(Holding const& left, config::Bridge const* config);

}  // namespace bridge
