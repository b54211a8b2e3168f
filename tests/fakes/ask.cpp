#include "tests/fakes/ask.hpp"

#include <fmt/format.h>

#include "net/http_client.hpp"
#include "net/http_reply_reader.hpp"
#include "tests/fakes/until.hpp"

namespace bridge::test {
namespace {

awaitable<net::HttpReply> exchange(net::Loop& loop, std::uint16_t port, std::string bytes) {
  net::HttpReply none;
  none.status = 0;
  net::Reach const reach;
  auto url = net::parse_url(fmt::format("http://127.0.0.1:{}/", port)).value();
  auto connected = co_await net::connect_to(loop, std::move(url), reach);
  if (!connected) co_return none;
  asio::const_buffer const piece = asio::buffer(bytes);
  auto const sent = co_await (*connected)->send(std::span(&piece, 1));
  if (!sent) co_return none;
  std::string leftover;
  auto reply = co_await net::read_reply(**connected, leftover, false, 16 << 20);
  if (!reply) co_return none;
  co_return std::move(reply->reply);
}

}  // namespace

net::HttpReply ask_raw(net::Loop& loop, std::uint16_t port, std::string bytes) {
  return finish(loop, exchange(loop, port, std::move(bytes)));
}

net::HttpReply ask(net::Loop& loop, std::uint16_t port, std::string_view method,
                   std::string_view target, std::string_view headers) {
  return ask_raw(
      loop, port,
      fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}\r\n", method, target, port, headers));
}

std::string handshake(std::uint16_t port, std::string_view target, std::string_view headers) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
      target, port, headers);
}

}  // namespace bridge::test
