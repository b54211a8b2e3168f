#include "net/tunnel.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "net/base64.hpp"
#include "net/http_message.hpp"
#include "net/http_reply_reader.hpp"
#include "net/plain_stream.hpp"
#include "net/tasks.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kProxyRefusalMax = 64 * 1024;
constexpr std::size_t kSocksTextMax = 255;

using Endpoints = std::vector<Tcp::endpoint>;

/// A connected socket that stays a socket: a proxy's answer is read through it before TLS takes it
/// over.
class SocketView final : public ByteStream {
 public:
  explicit SocketView(Tcp::socket& socket) : socket_(socket) {}

  awaitable<Result<std::span<char>>> receive() override {
    auto const [ec, n] = co_await socket_.async_read_some(asio::buffer(received_), no_throw);
    if (ec == asio::error::eof) co_return Error(Errc::end_of_stream, "read");
    if (ec) co_return Error(ec, "read");
    co_return std::span(received_).first(n);
  }
  awaitable<Result<void>> send(std::span<asio::const_buffer const> pieces) override {
    auto const [ec, n] = co_await asio::async_write(socket_, pieces, no_throw);
    if (ec) co_return Error(ec, "write");
    co_return Result<void>{};
  }
  void shutdown_send() noexcept override {}
  void close() noexcept override {}
  bool is_open() const noexcept override { return socket_.is_open(); }
  std::string peer() const override { return "proxy"; }

 private:
  Tcp::socket& socket_;
  std::array<char, 4096> received_{};
};

awaitable<Result<Endpoints>> resolve(Url const& url, std::string const& doing) {
  Endpoints found;
  error_code ec;
  auto const literal = asio::ip::make_address(url.host, ec);
  if (!ec) {
    found.emplace_back(literal, url.port);
    co_return found;
  }
  if (is_loopback_host(url.host)) {
    found.emplace_back(asio::ip::address_v4::loopback(), url.port);
    found.emplace_back(asio::ip::address_v6::loopback(), url.port);
    co_return found;
  }
  auto const flags = Tcp::resolver::numeric_service | Tcp::resolver::address_configured;
  auto const port = std::to_string(url.port);
  Tcp::resolver resolver(co_await asio::this_coro::executor);
  auto const [failed, names] = co_await resolver.async_resolve(url.host, port, flags, no_throw);
  if (failed) co_return Error(failed, doing);
  for (auto const& name : names) found.push_back(name.endpoint());
  co_return found;
}

awaitable<Result<void>> connect_one(Tcp::socket& socket, Tcp::endpoint end, std::string doing) {
  auto const [ec] = co_await socket.async_connect(end, no_throw);
  if (ec) co_return Error(ec, std::move(doing));
  error_code ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  // Asio keeps the interest in writability that a connect takes, and then every wait for bytes is
  // woken once for nothing. Registered anew, the socket has none.
  auto const protocol = end.protocol();
  auto const handle = socket.release(ignored);
  error_code failed;
  socket.assign(protocol, handle, failed);
  if (failed) co_return Error(failed, std::move(doing));
  co_return Result<void>{};
}

std::string connect_request(TunnelProxy const& proxy, Url const& target) {
  auto const where = host_and_port(target.host, target.port);
  auto out = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", where);
  if (!proxy.userinfo.empty())
    out += fmt::format("Proxy-Authorization: Basic {}\r\n", base64(proxy.userinfo));
  out += "\r\n";
  return out;
}

// RFC 9110 9.3.6: any 2xx opens the tunnel, and its reply has no body whatever its headers say.
awaitable<Result<void>> ask_http(Tcp::socket& socket, TunnelProxy const& proxy, Url const& target,
                                 std::string const& doing) {
  SocketView bytes(socket);
  auto const request = connect_request(proxy, target);
  asio::const_buffer const piece = asio::buffer(request);
  auto const sent = co_await bytes.send(std::span(&piece, 1));
  if (!sent) co_return Error(sent.error().code, doing);
  std::string leftover;
  auto const answer = co_await read_reply(bytes, leftover, true, kProxyRefusalMax);
  if (!answer) co_return Error(answer.error().code, doing);
  auto const status = answer->reply.status;
  if (status / 100 != 2)
    co_return Error(Errc::refused, fmt::format("{} ({} {})", doing, status, http_reason(status)));
  if (!leftover.empty()) co_return Error(Errc::bad_message, doing);
  co_return Result<void>{};
}

char byte_of(std::size_t value) {
  return static_cast<char>(value & 0xff);
}

std::string_view socks_reason(unsigned char code) {
  switch (code) {
    case 1:
      return "general failure";
    case 2:
      return "not allowed by its rules";
    case 3:
      return "network unreachable";
    case 4:
      return "host unreachable";
    case 5:
      return "connection refused";
    case 6:
      return "TTL expired";
    case 7:
      return "command not supported";
    case 8:
      return "address type not supported";
    default:
      return "refused";
  }
}

awaitable<Result<std::string>> read_exactly(Tcp::socket& socket, std::size_t count,
                                            std::string const& doing) {
  std::string bytes(count, '\0');
  auto const [ec, got] = co_await asio::async_read(socket, asio::buffer(bytes), no_throw);
  if (ec == asio::error::eof) co_return Error(Errc::end_of_stream, doing);
  if (ec) co_return Error(ec, doing);
  co_return bytes;
}

/// Sends, and reads an answer of `count` bytes.
awaitable<Result<std::string>> converse(Tcp::socket& socket, std::string bytes, std::size_t count,
                                        std::string const& doing) {
  auto const [ec, sent] = co_await asio::async_write(socket, asio::buffer(bytes), no_throw);
  if (ec) co_return Error(ec, doing);
  co_return co_await read_exactly(socket, count, doing);
}

Error no_socks(std::string const& doing) {
  return Error(Errc::bad_message, doing + " (it does not speak SOCKS5)");
}

awaitable<Result<void>> greet_socks(Tcp::socket& socket, TunnelProxy const& proxy,
                                    std::string const& doing) {
  auto const colon = proxy.userinfo.find(':');
  auto const user = proxy.userinfo.substr(0, colon);
  auto const password = colon == std::string::npos ? "" : proxy.userinfo.substr(colon + 1);
  if (user.size() > kSocksTextMax || password.size() > kSocksTextMax)
    co_return Error(Errc::refused, doing + " (user or password is longer than SOCKS5 takes)");
  constexpr std::string_view kOpen("\x05\x01\x00", 3);
  constexpr std::string_view kNamed("\x05\x02\x00\x02", 4);
  std::string greeting(user.empty() ? kOpen : kNamed);
  auto const chosen = co_await converse(socket, std::move(greeting), 2, doing);
  if (!chosen) co_return chosen.error();
  if (chosen->front() != 5) co_return no_socks(doing);
  auto const method = static_cast<unsigned char>(chosen->back());
  if (method == 0) co_return Result<void>{};
  if (method != 2 || user.empty())
    co_return Error(Errc::refused, doing + " (it wants another authentication)");
  std::string login("\x01");
  login += byte_of(user.size());
  login += user;
  login += byte_of(password.size());
  login += password;
  auto const verdict = co_await converse(socket, std::move(login), 2, doing);
  if (!verdict) co_return verdict.error();
  if (verdict->back() != 0)
    co_return Error(Errc::refused, doing + " (it takes neither this user nor this password)");
  co_return Result<void>{};
}

std::string socks_request(Url const& target) {
  std::string request("\x05\x01\x00", 3);
  error_code ec;
  auto const address = asio::ip::make_address(target.host, ec);
  if (ec) {
    request += '\x03';
    request += byte_of(target.host.size());
    request += target.host;
  } else if (address.is_v4()) {
    request += '\x01';
    for (auto const byte : address.to_v4().to_bytes()) request += static_cast<char>(byte);
  } else {
    request += '\x04';
    for (auto const byte : address.to_v6().to_bytes()) request += static_cast<char>(byte);
  }
  request += byte_of(target.port >> 8U);
  request += byte_of(target.port);
  return request;
}

awaitable<Result<void>> ask_socks(Tcp::socket& socket, TunnelProxy const& proxy, Url const& target,
                                  std::string const& doing) {
  if (target.host.size() > kSocksTextMax)
    co_return Error(Errc::bad_url, doing + " (the host's name is longer than SOCKS5 takes)");
  auto const greeted = co_await greet_socks(socket, proxy, doing);
  if (!greeted) co_return greeted;
  auto request = socks_request(target);
  // Version, verdict, reserved, type of the address that the proxy uses, its first byte.
  auto const answer = co_await converse(socket, std::move(request), 5, doing);
  if (!answer) co_return answer.error();
  auto const at = [&](std::size_t i) { return static_cast<unsigned char>((*answer)[i]); };
  if (at(0) != 5) co_return no_socks(doing);
  if (at(1) != 0)
    co_return Error(Errc::refused, fmt::format("{} ({})", doing, socks_reason(at(1))));
  std::size_t rest = 2;  // the port
  if (at(3) == 1)
    rest += 3;
  else if (at(3) == 4)
    rest += 15;
  else if (at(3) == 3)
    rest += at(4);
  else
    co_return no_socks(doing);
  auto const bound = co_await read_exactly(socket, rest, doing);
  if (!bound) co_return bound.error();
  co_return Result<void>{};
}

awaitable<Result<std::unique_ptr<SocketStream>>> tunnel(Loop& loop, TunnelProxy proxy, Url target,
                                                        TlsContext* tls, Duration limit,
                                                        std::string doing) {
  Url first;
  first.scheme = "http";
  first.host = proxy.host;
  first.port = proxy.port;
  auto tcp = co_await connect_tcp(first, limit, doing);
  if (!tcp) co_return tcp.error();
  auto const opened = co_await open_tunnel(*tcp, proxy, target, doing);
  if (!opened) co_return opened.error();
  if (target.tls()) {
    if (tls == nullptr) co_return Error(Errc::refused, doing + " (TLS is not set up)");
    co_return co_await tls->connect(loop, std::move(*tcp), target.host);
  }
  asio::generic::stream_protocol::socket socket(std::move(*tcp));
  co_return make_plain_stream(loop, std::move(socket), "proxy");
}

}  // namespace

std::string TunnelProxy::origin() const {
  return fmt::format("{}://{}", protocol == Protocol::http ? "http" : "socks5",
                     host_and_port(host, port));
}

// One address after the other. None may use up the time of those behind it: a broken IPv6 route
// swallows packets.
awaitable<Result<Tcp::socket>> connect_tcp(Url const& url, Duration limit,
                                           std::string const& doing) {
  auto const deadline = Clock::now() + limit;
  auto const ends = co_await resolve(url, doing);
  if (!ends) co_return ends.error();
  Tcp::socket socket(co_await asio::this_coro::executor);
  Error last(Errc::not_found, doing);
  for (std::size_t i = 0; i < ends->size(); ++i) {
    auto const share = (deadline - Clock::now()) / static_cast<int>(ends->size() - i);
    auto const& end = (*ends)[i];
    auto const done = co_await within(share, connect_one(socket, end, doing), doing);
    if (done) co_return std::move(socket);
    last = done.error();
    error_code ignored;
    socket.close(ignored);
  }
  co_return last;
}

asio::ip::address address_for_proxy(std::vector<Tcp::endpoint> const& ends) {
  for (auto const& end : ends)
    if (end.address().is_v4()) return end.address();
  return ends.front().address();
}

awaitable<Result<void>> open_tunnel(Tcp::socket& socket, TunnelProxy const& proxy,
                                    Url const& target, std::string const& doing) {
  Url asked = target;
  if (proxy.resolves_here) {
    auto const ends = co_await resolve(target, doing);
    if (!ends) co_return ends.error();
    if (ends->empty()) co_return Error(Errc::not_found, doing);
    asked.host = address_for_proxy(*ends).to_string();
  }
  if (proxy.protocol == TunnelProxy::Protocol::http)
    co_return co_await ask_http(socket, proxy, asked, doing);
  co_return co_await ask_socks(socket, proxy, asked, doing);
}

awaitable<Result<std::unique_ptr<SocketStream>>> connect_through(Loop& loop, TunnelProxy proxy,
                                                                 Url target, TlsContext* tls,
                                                                 Duration limit) {
  auto const doing = fmt::format("connect {} through proxy {}", target.origin(), proxy.origin());
  co_return co_await within(
      limit, tunnel(loop, std::move(proxy), std::move(target), tls, limit, doing), doing);
}

}  // namespace bridge::net
