#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.hpp"
#include "net/http_request_reader.hpp"
#include "net/tasks.hpp"
#include "net/ws_stream.hpp"

namespace bridge::net {

/// How long a peer may do nothing.
struct ExchangeLimits {
  Duration piece = 10s;  ///< while we wait for the next piece of its request's body
  Duration write = 60s;  ///< while it should take some of our reply
};

/// Sends a reply that is whole. A peer that takes none of it for `limit` is cut off.
awaitable<Result<void>> send_reply(ByteStream& bytes, HttpReply const& reply, bool with_body,
                                   Duration limit);

/// One request and the way to answer it. The handler answers exactly once: with reply(), with a
/// stream from begin_stream() to end(), or by taking the socket over.
class HttpExchange {
 public:
  /// `reader` stands behind what `request` holds.
  HttpExchange(Loop& loop, std::unique_ptr<SocketStream>& bytes, HttpRequestReader& reader,
               HttpRequest request, std::string local_authority, ExchangeLimits limits);

  /// Its body is empty when the handler wanted it in pieces.
  HttpRequest const& request() const { return request_; }
  /// Our own end as a URL names it: "127.0.0.1:9411", "[::1]:9411".
  std::string const& local_authority() const { return local_authority_; }
  [[nodiscard]] std::string peer() const;

  /// The next piece of the body, none behind its end; only when the handler wanted pieces. Not
  /// beside gone(). Who sends nothing for the request deadline has timed out. Errc::bad_message: no
  /// body, or too large; refusal() is what to answer.
  awaitable<Result<std::optional<std::string>>> read_piece();
  [[nodiscard]] BadRequest const& refusal() const { return reader_.why(); }

  awaitable<Result<void>> reply(HttpReply reply);

  /// Begins a reply whose body comes in pieces. With a Content-Length among `headers` it is sent as
  /// it is and must have that length; without, it is chunked, or ends with the connection for
  /// HTTP/1.0. `write_limit`, the server's when there is none, bounds each write(): a peer that
  /// takes nothing for that long is cut off. Run gone() beside what feeds a stream that is mostly
  /// silent.
  awaitable<Result<void>> begin_stream(unsigned status, HttpHeaders headers,
                                       std::optional<Duration> write_limit = std::nullopt);
  /// Ends when the socket has taken `bytes`, so a slow peer slows the caller. After an error there
  /// is nobody left to write to. `bytes` must last until then.
  awaitable<Result<void>> write(std::string_view bytes);
  /// Without it the connection is cut, and the peer knows that something is missing.
  awaitable<Result<void>> end();

  /// Answers 101 and hands the socket over. Call only when request().wants_websocket(). A handshake
  /// that breaks RFC 6455 (version, key) is answered here and yields an error.
  awaitable<Result<std::unique_ptr<WsStream>>> accept_websocket(WsLimits limits);

  /// Answers 101 and hands over the bare bytes behind it, for a relay that does not look into
  /// frames. What the client already sent behind its handshake is in `early`.
  awaitable<Result<std::unique_ptr<ByteStream>>> accept_raw(std::string& early);

  /// Ends when the peer closes while we think. Run it beside the work: `co_await (work() ||
  /// exchange.gone())`.
  awaitable<void> gone();

  [[nodiscard]] bool answered() const { return answered_; }
  /// A stream that was begun has not been ended.
  [[nodiscard]] bool broken_off() const { return stream_ && !stream_->ended; }
  /// The peer finds the end of the reply only in the end of the connection.
  [[nodiscard]] bool ends_connection() const {
    return stream_ && stream_->framing == Framing::until_close;
  }
  [[nodiscard]] bool handed_over() const { return handed_over_; }
  /// Closes the connection within a reply, so that half of one looks like half of one.
  void cut();

 private:
  enum class Framing { none, counted, chunked, until_close };
  struct Stream {
    Framing framing = Framing::none;
    std::uint64_t left = 0;  ///< of a counted body
    Duration write_limit{};
    bool ended = false;
  };
  awaitable<Result<void>> upgrade();
  [[nodiscard]] Framing framing_of(unsigned status, HttpHeaders const& headers) const;
  awaitable<Result<void>> put(std::string_view before, std::string_view bytes,
                              std::string_view after);

  Loop& loop_;
  std::unique_ptr<SocketStream>& bytes_;
  HttpRequestReader& reader_;
  HttpRequest request_;
  std::string local_authority_;
  ExchangeLimits limits_;
  std::optional<Stream> stream_;
  bool answered_ = false;
  bool handed_over_ = false;
};

}  // namespace bridge::net
