#pragma once

#include <string_view>

namespace bridge::cdp {

/// The body of Chromium 156.0.8078.79's /json/protocol, byte for byte (cdp/protocol.json): what the
/// route answers when the runtime's own schema cannot be had. No CDP command gives it.
[[nodiscard]] std::string_view pinned_protocol();

}  // namespace bridge::cdp
