#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_message.hpp"
#include "net/loop.hpp"

namespace bridge::test {

/// Sends `bytes` as they are to a loopback port and reads one reply. Status 0: there was none.
[[nodiscard]] net::HttpReply ask_raw(net::Loop& loop, std::uint16_t port, std::string bytes);

/// One request with `Host: 127.0.0.1:<port>`; `headers` are lines that each end in CRLF.
[[nodiscard]] net::HttpReply ask(net::Loop& loop, std::uint16_t port, std::string_view method,
                                 std::string_view target, std::string_view headers = {});

/// A WebSocket handshake, as text, for ask_raw() or a bare socket.
[[nodiscard]] std::string handshake(std::uint16_t port, std::string_view target,
                                    std::string_view headers = {});

}  // namespace bridge::test
