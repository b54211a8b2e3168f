#include "net/http_client.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>

#include "net/http_reply_reader.hpp"
#include "net/plain_stream.hpp"
#include "net/tasks.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kIdleMax = 8;
constexpr auto kIdleAge = 30s;  // below the idle limit of common load balancers
constexpr std::size_t kProxyRefusalMax = 64 * 1024;

using Endpoints = std::vector<Tcp::endpoint>;

std::string text_of(Tcp::endpoint const& end) {
  return host_and_port(end.address().to_string(), end.port());
}

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
  co_return Result<void>{};
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

std::string base64(std::string_view text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  auto const length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                      reinterpret_cast<unsigned char const*>(text.data()),
                                      static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::string connect_request(Url const& proxy, Url const& target) {
  auto const where = host_and_port(target.host, target.port);
  auto out = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", where);
  if (!proxy.userinfo.empty())
    out += fmt::format("Proxy-Authorization: Basic {}\r\n", base64(proxy.userinfo));
  out += "\r\n";
  return out;
}

// RFC 9110 9.3.6: any 2xx opens the tunnel, and its reply has no body whatever its headers say.
awaitable<Result<void>> open_tunnel(Tcp::socket& socket, Url const& proxy, Url const& target,
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

awaitable<Result<std::unique_ptr<ByteStream>>> open_stream(Loop& loop, Url url, Reach const& reach,
                                                           std::string doing) {
  auto const proxy = reach.proxies.choose(url);
  if (proxy) doing += fmt::format(" through proxy {}", proxy->origin());
  Url const& first = proxy ? *proxy : url;
  auto tcp = co_await connect_tcp(first, reach.connect_limit, doing);
  if (!tcp) co_return tcp.error();
  if (proxy) {
    auto const opened = co_await open_tunnel(*tcp, *proxy, url, doing);
    if (!opened) co_return opened.error();
  }
  if (url.tls()) {
    if (reach.tls == nullptr) co_return Error(Errc::refused, doing + " (TLS is not set up)");
    co_return co_await reach.tls->connect(std::move(*tcp), url.host);
  }
  error_code ec;
  auto const peer = tcp->remote_endpoint(ec);
  if (ec) co_return Error(ec, doing);
  asio::generic::stream_protocol::socket socket(std::move(*tcp));
  co_return make_plain_stream(loop, std::move(socket), text_of(peer));
}

bool uses_kept(HttpRequest const& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool is_stale(Error const& error) {
  return error.is(Errc::end_of_stream) || error.code == asio::error::connection_reset ||
         error.code == asio::error::broken_pipe;
}

}  // namespace

awaitable<Result<std::unique_ptr<ByteStream>>> connect_to(Loop& loop, Url url, Reach const& reach) {
  auto const doing = fmt::format("connect {}", url.origin());
  co_return co_await within(reach.connect_limit, open_stream(loop, std::move(url), reach, doing),
                            doing);
}

HttpClient::HttpClient(Loop& loop, Reach reach, std::size_t reply_max)
    : loop_(loop), reach_(std::move(reach)), reply_max_(reply_max) {}

awaitable<Result<HttpReply>> HttpClient::send(Url url, HttpRequest request, Duration limit) {
  auto const doing = fmt::format("{} {}", request.method, url.origin());
  if (!is_well_formed(request))
    co_return Error(Errc::bad_message, doing + " (a header holds a line break)");
  request.target = url.target;
  co_return co_await within(limit, exchange(std::move(url), std::move(request)), doing);
}

awaitable<Result<HttpReply>> HttpClient::exchange(Url url, HttpRequest request) {
  if (uses_kept(request)) {
    if (auto kept = take_idle(url.origin())) {
      auto reply = co_await exchange_on(std::move(kept), url, request);
      if (reply || !is_stale(reply.error())) co_return std::move(reply);
    }
  }
  auto fresh = co_await connect_to(loop_, url, reach_);
  if (!fresh) co_return fresh.error();
  co_return co_await exchange_on(std::move(*fresh), url, request);
}

awaitable<Result<HttpReply>> HttpClient::exchange_on(std::unique_ptr<ByteStream> bytes,
                                                     Url const& url, HttpRequest const& request) {
  auto const doing = fmt::format("{} {}", request.method, url.origin());
  auto const head = format_head(request, url.authority());
  std::array<asio::const_buffer, 2> const pieces{asio::buffer(head), asio::buffer(request.body)};
  auto const sent = co_await bytes->send(pieces);
  if (!sent) co_return Error(sent.error().code, doing);
  std::string leftover;
  bool const is_head = request.method == "HEAD";
  auto answer = co_await read_reply(*bytes, leftover, is_head, reply_max_);
  if (!answer) {
    auto const& why = answer.error();
    co_return Error(why.code, fmt::format("{} ({})", doing, why.doing));
  }
  if (answer->keep_alive) keep(url.origin(), std::move(bytes));
  co_return std::move(answer->reply);
}

std::unique_ptr<ByteStream> HttpClient::take_idle(std::string const& origin) {
  auto const oldest = Clock::now() - kIdleAge;
  std::erase_if(idle_, [oldest](Idle const& idle) { return idle.since < oldest; });
  auto const at = std::find_if(idle_.rbegin(), idle_.rend(),
                               [&origin](Idle const& idle) { return idle.origin == origin; });
  if (at == idle_.rend()) return nullptr;
  auto bytes = std::move(at->bytes);
  idle_.erase(std::next(at).base());
  return bytes;
}

void HttpClient::keep(std::string origin, std::unique_ptr<ByteStream> bytes) {
  if (idle_.size() == kIdleMax) idle_.erase(idle_.begin());
  idle_.push_back({std::move(origin), std::move(bytes), Clock::now()});
}

void HttpClient::close_idle() {
  idle_.clear();
}

}  // namespace bridge::net
