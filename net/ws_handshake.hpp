#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.hpp"

namespace bridge::net {

// The opening handshake of RFC 6455 section 4, without I/O. No extension and no subprotocol is ever
// agreed to.

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
[[nodiscard]] std::string ws_accept_for(std::string_view key);
/// A fresh random Sec-WebSocket-Key.
[[nodiscard]] std::string ws_new_key();

/// What is wrong with a request that wants_websocket(), as a reply: Chrome's 500 for a version
/// other than 13 or no key, 400 for another method than GET or HTTP/1.0.
[[nodiscard]] std::optional<HttpReply> ws_refusal(HttpRequest const& request);
/// The 101 reply to `request`, or its refusal.
[[nodiscard]] HttpReply ws_answer(HttpRequest const& request);

/// The request that opens a WebSocket; the caller adds Host.
[[nodiscard]] HttpRequest ws_request(std::string target, std::string_view key);
/// Empty when `reply` accepts the handshake made with `key`, else what is wrong with it.
[[nodiscard]] std::string_view ws_check_reply(HttpReply const& reply, std::string_view key);

}  // namespace bridge::net
