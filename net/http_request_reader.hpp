#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

/// How the body of one request is wanted.
struct BodyPlan {
  bool in_pieces = false;  ///< by read_piece(), later; else with the request
  std::optional<std::uint64_t>
      most;  ///< larger ones are bad, with 413; none: the reader's body_max
};

/// Reads HTTP/1.1 requests off one stream with Beast's parser, one after the other: the head, then
/// the body, whole or in pieces. A message nobody can parse is Errc::bad_message and why() says
/// more.
class HttpRequestReader {
 public:
  HttpRequestReader(ByteStream& bytes, std::size_t header_max, std::size_t body_max);
  ~HttpRequestReader();

  /// Waits for the first byte of the next request; an error when the peer is gone.
  awaitable<Result<void>> wait_for_first_byte();

  /// Reads the request that has begun: its head and, unless `plan` wants pieces, its body. A body
  /// that is declared larger than wanted is an error at once.
  using Plan = std::function<BodyPlan(HttpRequest const& head)>;
  awaitable<Result<HttpRequest>> read(Plan const& plan);
  /// The next bytes of the body, none behind its end. Who waits for "100 Continue" gets it with the
  /// first call.
  awaitable<Result<std::optional<std::string>>> read_piece();
  /// Something of the body has not been read, so the next request cannot be found.
  [[nodiscard]] bool body_left() const;

  [[nodiscard]] BadRequest const& why() const { return why_; }

  /// The client asked us to close after the reply (Connection: close, or HTTP/1.0 without
  /// keep-alive).
  [[nodiscard]] bool last() const { return last_; }
  /// Bytes behind what was read: the rest of the body, the next request, or early WebSocket frames.
  [[nodiscard]] std::string& leftover() { return buffer_; }

 private:
  struct Message;
  [[nodiscard]] Result<void> feed();
  [[nodiscard]] Error bad(error_code why);
  awaitable<Result<HttpRequest>> read_head();
  [[nodiscard]] Result<void> limit_body(std::uint64_t most);
  awaitable<Result<void>> read_body(std::string& body);
  awaitable<Result<void>> receive();
  awaitable<Result<void>> invite_body();

  ByteStream& bytes_;
  std::size_t header_max_;
  std::size_t body_max_;
  std::string buffer_;
  std::unique_ptr<Message> message_;
  BadRequest why_;
  bool last_ = false;
  bool invited_ = false;  // the client has been told to go on, or did not ask
};

}  // namespace bridge::net
