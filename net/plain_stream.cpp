#include "net/plain_stream.hpp"

#include <algorithm>
#include <functional>

namespace bridge::net {
namespace {

bool would_block(error_code ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

class PlainStream final : public SocketStream {
 public:
  PlainStream(Loop& loop, asio::generic::stream_protocol::socket socket, std::string peer)
      : loop_(loop), socket_(std::move(socket)), peer_(std::move(peer)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  // Waits for readiness and reads at once into the Loop's scratch: an idle socket has no buffer.
  // The wait costs Asio an epoll_ctl; a read into a buffer of our own would cost it one that fails.
  awaitable<Result<std::span<char>>> receive(std::size_t at_most) override {
    auto const room = loop_.scratch().first(std::min(at_most, loop_.scratch().size()));
    for (;;) {
      if (more_) {
        // A peer that sends faster than we read must not keep the writers from what it caused.
        co_await asio::post(socket_.get_executor(), no_throw);
      } else {
        auto const [waited] = co_await socket_.async_wait(socket_.wait_read, no_throw);
        if (waited) co_return Error(waited, "read");
      }
      error_code ec;
      auto const n = socket_.read_some(asio::buffer(room.data(), room.size()), ec);
      more_ = !ec && n == room.size();
      if (!ec) co_return room.first(n);
      if (ec == asio::error::eof) co_return Error(Errc::end_of_stream, "read");
      if (!would_block(ec)) co_return Error(ec, "read");
    }
  }

  Result<std::size_t> try_send(std::span<asio::const_buffer const> pieces) override {
    error_code ec;
    auto const n = socket_.write_some(pieces, ec);
    if (would_block(ec)) return std::size_t{0};
    if (ec) return Error(ec, "write");
    return n;
  }

  void when_writable(std::function<void()> ready) override {
    if (!alive_) alive_ = std::make_shared<bool>(true);
    auto call = [alive = std::weak_ptr(alive_), ready = std::move(ready)](error_code) {
      if (alive.lock()) ready();
    };
    socket_.async_wait(socket_.wait_write, std::move(call));
  }

  void shutdown_send() noexcept override {
    error_code ignored;
    socket_.shutdown(socket_.shutdown_send, ignored);
  }
  void close() noexcept override {
    error_code ignored;
    socket_.close(ignored);
  }
  void reset() noexcept override {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }
  bool is_open() const noexcept override { return socket_.is_open(); }
  std::string peer() const override { return peer_; }

 private:
  awaitable<Result<void>> writable() override {
    auto const [waited] = co_await socket_.async_wait(socket_.wait_write, no_throw);
    if (waited) co_return Error(waited, "write");
    co_return Result<void>{};
  }

  Loop& loop_;
  asio::generic::stream_protocol::socket socket_;
  std::string peer_;
  bool more_ = false;            // the last read filled the buffer: look again before waiting
  std::shared_ptr<bool> alive_;  // for who waits for the socket
};

}  // namespace

std::unique_ptr<SocketStream> make_plain_stream(Loop& loop,
                                                asio::generic::stream_protocol::socket socket,
                                                std::string peer) {
  return std::make_unique<PlainStream>(loop, std::move(socket), std::move(peer));
}

}  // namespace bridge::net
