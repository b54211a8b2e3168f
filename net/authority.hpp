#pragma once

#include <string_view>

namespace bridge::net {

/// Whether a Host header names this machine beyond doubt: an IP literal, localhost or *.localhost,
/// with or without a port. Any other name may have been pointed here by somebody else (DNS
/// rebinding).
[[nodiscard]] bool is_local_authority(std::string_view authority);

/// What may follow the host of an authority: nothing, or ":" and a port, which may be empty.
[[nodiscard]] bool is_port_suffix(std::string_view rest);

/// The host of an authority, without port and brackets.
[[nodiscard]] std::string_view host_of_authority(std::string_view authority);

}  // namespace bridge::net
