#include "cdp/protocol_schema.hpp"

#include "base/embed.hpp"

namespace bridge::cdp {

BRIDGE_EMBED(pinned_protocol, BRIDGE_PROTOCOL_JSON)

}  // namespace bridge::cdp
