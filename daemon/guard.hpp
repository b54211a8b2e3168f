#pragma once

#include <optional>
#include <span>
#include <string>

#include "net/http_server.hpp"

namespace bridge {

// Who may talk to a local port. CDP is full control of a signed-in browser, and the attacker is a
// web page in the user's own browser: a name pointed at us (DNS rebinding), a cross-origin
// WebSocket, a forged request.

/// Host: exactly one, an IP literal, localhost, *.localhost or one of `allowed`; or none at all.
/// Every request.
[[nodiscard]] std::optional<net::HttpReply> check_host(net::HttpExchange const& exchange,
                                                       std::span<std::string const> allowed);

/// Origin of a WebSocket handshake: none, our own address, or one of `allowed` ("*" is all).
[[nodiscard]] std::optional<net::HttpReply> check_origin(net::HttpExchange const& exchange,
                                                         std::span<std::string const> allowed);

/// For requests that change something: no foreign Origin, no Sec-Fetch-Site of another site.
[[nodiscard]] std::optional<net::HttpReply> check_not_forged(net::HttpExchange const& exchange,
                                                             std::span<std::string const> allowed);

}  // namespace bridge
