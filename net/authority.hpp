#pragma once

#include <string_view>

namespace bridge::net {

/// Whether a Host header names this machine beyond doubt: an IP literal, localhost or *.localhost,
/// with or without a port. Any other name may have been pointed here by somebody else (DNS
/// rebinding).
[[nodiscard]] bool is_local_authority(std::string_view authority);

/// The host of an authority, without port and brackets.
[[nodiscard]] std::string_view host_of_authority(std::string_view authority);

}  // namespace bridge::net
