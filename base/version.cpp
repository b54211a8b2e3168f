#include "base/version.hpp"

namespace bridge {

std::string_view version() {
  return BRIDGE_VERSION;
}

}  // namespace bridge
