#pragma once

#include <functional>
#include <limits>
#include <span>

#include "net/asio.hpp"

namespace bridge::net {

/// A connected stream. One reader and one writer at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// The next bytes, at least one. They may be changed in place and last until the caller suspends.
  /// The peer's end is Errc::end_of_stream.
  virtual awaitable<Result<std::span<char>>> receive() = 0;

  /// Sends everything, in one gather write where the socket takes it. With TLS, up to 64 KiB of it
  /// may wait here for the socket.
  virtual awaitable<Result<void>> send(std::span<asio::const_buffer const> pieces) = 0;

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

/// A TCP or Unix socket, with or without TLS, that is ours: it can be written to without a
/// coroutine.
class SocketStream : public ByteStream {
 public:
  awaitable<Result<std::span<char>>> receive() final {
    return receive(std::numeric_limits<std::size_t>::max());
  }
  /// No more than `at_most` bytes, which is not 0.
  virtual awaitable<Result<std::span<char>>> receive(std::size_t at_most) = 0;

  awaitable<Result<void>> send(std::span<asio::const_buffer const> pieces) final;
  /// Takes what can go out at this moment, in one gather write: how many bytes, maybe 0.
  virtual Result<std::size_t> try_send(std::span<asio::const_buffer const> pieces) = 0;
  /// Calls once when try_send() may take more, or the stream is closed; never when it is gone.
  virtual void when_writable(std::function<void()> ready) = 0;

 protected:
  /// The same for a coroutine.
  virtual awaitable<Result<void>> writable() = 0;
};

}  // namespace bridge::net
