#pragma once

#include <string>

#include "net/byte_stream.hpp"
#include "net/http_message.hpp"

namespace bridge::net {

struct ReplyHead {
  HttpReply reply;
  bool keep_alive = false;  ///< another request may follow on this stream
};

/// Reads one reply, head and body, from `bytes`. What arrived behind it stays in `leftover`, which
/// may hold bytes from before; after a 101 and with `is_head_request` the body is not read. Other
/// 1xx replies are skipped.
///
/// Errors: too_large (a head over 64 KiB, a body over `body_max`), bad_message (not HTTP, or cut
/// short). A stream that ends before the first byte gives its own error, so that a caller can tell
/// a stale connection.
awaitable<Result<ReplyHead>> read_reply(ByteStream& bytes, std::string& leftover,
                                        bool is_head_request, std::size_t body_max);

/// Whom read_reply_in_pieces() tells. An error it returns ends the reading with that error.
class ReplyReceiver {
 public:
  virtual ~ReplyReceiver() = default;
  /// Status and headers; once, before the first piece.
  virtual Result<void> begin(HttpReply const& head) = 0;
  /// The next bytes of the body, at least one; they last for the call.
  virtual Result<void> take(std::string_view piece) = 0;
};

/// The same for a reply of any length, whose body is handed on as it arrives.
awaitable<Result<void>> read_reply_in_pieces(ByteStream& bytes, std::string& leftover,
                                             bool is_head_request, ReplyReceiver& receiver);

}  // namespace bridge::net
