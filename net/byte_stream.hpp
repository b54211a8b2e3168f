#pragma once

#include <functional>
#include <span>

#include "net/asio.hpp"

namespace bridge::net {

/// A connected TCP, Unix or TLS stream. One reader and one writer at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// The next bytes, at least one. They may be changed in place and last until the caller suspends.
  /// The peer's end is Errc::end_of_stream.
  virtual awaitable<Result<std::span<char>>> receive() = 0;

  /// Sends everything, in one gather write where the socket takes it.
  virtual awaitable<Result<void>> send(std::span<asio::const_buffer const> pieces) = 0;

  /// It can do without a coroutine: see the next two.
  [[nodiscard]] virtual bool sends_at_once() const noexcept { return false; }
  /// Sends what the socket takes at this moment, in one gather write: how many bytes, maybe 0.
  virtual Result<std::size_t> try_send(std::span<asio::const_buffer const> /*pieces*/) {
    return std::size_t{0};
  }
  /// Calls once when the socket may take more, or is closed; never when the stream is gone by then.
  virtual void when_writable(std::function<void()> /*ready*/) {}

  /// FIN after what was sent; reading goes on.
  virtual void shutdown_send() noexcept = 0;
  /// Ends the stream at once; a pending receive or send ends with an error.
  virtual void close() noexcept = 0;
  /// The same, so that the peer cannot take it for an orderly end where the transport knows
  /// another.
  virtual void reset() noexcept { close(); }
  [[nodiscard]] virtual bool is_open() const noexcept = 0;

  /// "127.0.0.1:43210", or a word for a Unix socket.
  [[nodiscard]] virtual std::string peer() const = 0;
};

}  // namespace bridge::net
