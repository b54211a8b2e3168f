#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bridge {

/// Who listens on a TCP port of this machine: "chromium (pid 4711)". Empty when the kernel does not
/// tell us, as for another user's process.
[[nodiscard]] std::string port_owner(std::uint16_t port);

/// Tries to bind `port` on 127.0.0.1 and ::1: the address that somebody has, "127.0.0.1:9411" or
/// "[::1]:9411". None when both are free or the machine does not have them; none for 0.
[[nodiscard]] std::optional<std::string> taken_address(std::uint16_t port);

/// The process that listens on a Unix socket. None when nobody does: no such file, or its owner
/// died.
[[nodiscard]] std::optional<int> socket_owner(std::string const& path);

}  // namespace bridge
