#pragma once

#include <optional>
#include <string>

#include "net/byte_stream.hpp"
#include "net/http_message.hpp"

namespace bridge::net {

/// What came instead of a request: the status to answer before closing, 0 to close without a word.
struct BadRequest {
  unsigned status = 0;
  std::string_view text;
};

/// Reads HTTP/1.1 requests off one stream with Beast's parser, one after the other.
class HttpRequestReader {
 public:
  HttpRequestReader(ByteStream& bytes, std::size_t header_max, std::size_t body_max)
      : bytes_(bytes), header_max_(header_max), body_max_(body_max) {}

  /// Waits for the first byte of the next request; an error when the peer is gone.
  awaitable<Result<void>> wait_for_first_byte();
  /// Reads the request that has begun. A message nobody can parse is Errc::bad_message and why()
  /// says more.
  awaitable<Result<HttpRequest>> read();
  [[nodiscard]] BadRequest const& why() const { return why_; }

  /// The client asked us to close after the reply (Connection: close, or HTTP/1.0 without
  /// keep-alive).
  [[nodiscard]] bool last() const { return last_; }
  /// Bytes behind the request just read: the next request, or early WebSocket frames.
  [[nodiscard]] std::string& leftover() { return buffer_; }

 private:
  ByteStream& bytes_;
  std::size_t header_max_;
  std::size_t body_max_;
  std::string buffer_;
  BadRequest why_;
  bool last_ = false;
};

}  // namespace bridge::net
