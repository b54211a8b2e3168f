#include "net/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "net/http_reply_reader.hpp"
#include "net/plain_stream.hpp"
#include "net/tasks.hpp"
#include "net/tunnel.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kIdleMax = 8;
constexpr auto kIdleAge = 30s;  // below the idle limit of common load balancers

std::string text_of(Tcp::endpoint const& end) {
  return host_and_port(end.address().to_string(), end.port());
}

TunnelProxy tunnel_proxy(Url const& url) {
  TunnelProxy proxy;
  proxy.host = url.host;
  proxy.port = url.port;
  proxy.userinfo = url.userinfo;
  return proxy;
}

awaitable<Result<std::unique_ptr<SocketStream>>> open_stream(Loop& loop, Url url,
                                                             Reach const& reach,
                                                             std::string doing) {
  auto const proxy = reach.proxies.choose(url);
  if (proxy) doing += fmt::format(" through proxy {}", proxy->origin());
  Url const& first = proxy ? *proxy : url;
  auto tcp = co_await connect_tcp(first, reach.connect_limit, doing);
  if (!tcp) co_return tcp.error();
  if (proxy) {
    auto const asked = tunnel_proxy(*proxy);
    auto const opened = co_await open_tunnel(*tcp, asked, url, doing);
    if (!opened) co_return opened.error();
  }
  if (url.tls()) {
    if (reach.tls == nullptr) co_return Error(Errc::refused, doing + " (TLS is not set up)");
    co_return co_await reach.tls->connect(loop, std::move(*tcp), url.host);
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

awaitable<Result<std::unique_ptr<SocketStream>>> connect_to(Loop& loop, Url url,
                                                            Reach const& reach) {
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
