#include "daemon/recovery.hpp"

namespace bridge {

Recovery recovery_of(Holding const& left, config::Bridge const* config) {
  bool const starting = !left.starting.empty();
  if (!starting && left.run.empty())
    return config != nullptr ? Recovery::nothing : Recovery::forget;
  // By name alone it cannot be told here; the keeper looks when it takes over.
  bool const same = config != nullptr && config->runtime &&
                    (config->runtime->id.empty() || RuntimeId(config->runtime->id) == left.runtime);
  if (same) return Recovery::take_over;
  return starting || left.ours ? Recovery::stop : Recovery::forget;
}

}  // namespace bridge
