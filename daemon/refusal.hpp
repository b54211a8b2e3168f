#pragma once

#include "daemon/failure.hpp"
#include "net/http_message.hpp"

namespace bridge {

/// A reply that no browser may keep or take for something else. Order of headers as Chrome's port
/// has it.
[[nodiscard]] net::HttpReply bare_reply(unsigned status, std::string_view content_type,
                                        std::string body);

/// The HTTP answer to an attach that cannot be: status, a plain-words body with code and way out,
/// and the header that Playwright prints in its log.
[[nodiscard]] net::HttpReply refusal(Failure const& failure);

/// What Chrome answers to a page address whose target does not exist.
[[nodiscard]] net::HttpReply no_such_target(std::string_view target);

/// "[CODE] message", for a WebSocket close frame; the stream cuts it to 123 bytes.
[[nodiscard]] std::string close_reason(Failure const& failure);

}  // namespace bridge
