#pragma once

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/loop.hpp"
#include "net/plain_stream.hpp"

namespace bridge::test {

/// Two ends of a TCP connection over 127.0.0.1.
struct SocketPair {
  explicit SocketPair(net::Loop& loop) : near(loop.io()), far(loop.io()) {
    Tcp::acceptor acceptor(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    far.connect(acceptor.local_endpoint());
    acceptor.accept(near);
    near.set_option(asio::socket_base::receive_buffer_size(1 << 20));  // bursts arrive as bursts
  }
  /// `near`, wrapped. It is gone from the pair then.
  [[nodiscard]] std::unique_ptr<net::SocketStream> take_near(net::Loop& loop) {
    return net::make_plain_stream(loop, std::move(near), "peer");
  }

  Tcp::socket near;
  Tcp::socket far;
};

[[nodiscard]] inline Tcp::socket connect_to_port(net::Loop& loop, std::uint16_t port) {
  Tcp::socket socket(loop.io());
  socket.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), port));
  return socket;
}

/// A raw peer: bytes in, bytes out. Errors end a call early; `ended` says how reading ended. Do not
/// send again after a failed send: Asio then waits for an event that never comes.
class RawPeer {
 public:
  explicit RawPeer(Tcp::socket socket) : socket_(std::move(socket)) {}

  awaitable<bool> send(std::string bytes) {
    auto const [ec, n] = co_await asio::async_write(socket_, asio::buffer(bytes), no_throw);
    co_return !ec;
  }
  /// Exactly `n` bytes, or fewer at the stream's end.
  awaitable<std::string> read(std::size_t n) {
    std::string out(n, '\0');
    auto const [ec, got] = co_await asio::async_read(socket_, asio::buffer(out), no_throw);
    if (ec) ended = ec;
    out.resize(got);
    co_return out;
  }
  awaitable<std::string> read_to_end() {
    std::string out;
    std::array<char, 65536> chunk{};
    for (;;) {
      auto const [ec, n] = co_await socket_.async_read_some(asio::buffer(chunk), no_throw);
      out.append(chunk.data(), n);
      if (!ec) continue;
      ended = ec;
      co_return out;
    }
  }
  /// Up to and with `mark`.
  awaitable<std::string> read_until(std::string mark) {
    std::string out;
    while (!out.ends_with(mark) && !ended) {
      auto const next = co_await read(1);
      out += next;
    }
    co_return out;
  }
  /// A proper end, not a reset.
  [[nodiscard]] bool ended_well() const { return ended == asio::error::eof; }

  void finish() {
    error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
  }
  void close() {
    error_code ignored;
    socket_.close(ignored);
  }
  void reset() {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }
  Tcp::socket& socket() { return socket_; }

  std::optional<error_code> ended;

 private:
  Tcp::socket socket_;
};

/// Lets everything that is ready run, `rounds` times over.
inline awaitable<void> let_others_run(int rounds = 10) {
  for (; rounds > 0; --rounds) {
    asio::steady_timer timer(co_await asio::this_coro::executor, Clock::now());
    (void)co_await timer.async_wait(no_throw);
  }
}

/// Waits until `holds()`. The caller's run() ends the test when it never does.
template <class Condition>
awaitable<void> until(Condition& holds) {
  while (!holds()) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    (void)co_await timer.async_wait(no_throw);
  }
}

}  // namespace bridge::test
