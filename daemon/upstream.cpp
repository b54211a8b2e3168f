#include "daemon/upstream.hpp"

#include <fmt/format.h>

#include <limits>

#include "api/json.hpp"
#include "api/retry.hpp"
#include "cdp/json_scan.hpp"
#include "net/http_client.hpp"

namespace bridge {
namespace {

constexpr std::size_t kDiscoveryMax = 16ULL << 20;  // a /json body; the schema has 1.6 MB

Failure refused(Error const& error) {
  Failure failure("UPSTREAM_REFUSED", error.text());
  failure.nobody_there = error.code == asio::error::connection_refused;
  return failure;
}

awaitable<Result<net::HttpReply>> get(net::Loop& loop, net::Reach const& reach, net::Url from,
                                      Duration limit) {
  net::HttpClient http(loop, reach, kDiscoveryMax);
  net::HttpRequest request;
  request.method = "GET";
  co_return co_await http.send(from, std::move(request), limit);
}

awaitable<FailureOr<net::Url>> discover(net::Loop& loop, net::Reach const& reach, net::Url at,
                                        Duration limit) {
  auto from = at.with_target("/json/version");
  auto reply = co_await get(loop, reach, std::move(from), limit);
  if (!reply) co_return refused(reply.error());
  auto const raw = cdp::find_member(reply->body, "webSocketDebuggerUrl");
  auto url = net::parse_url(raw ? cdp::decode_string(*raw) : std::string());
  if (reply->status != 200 || !url || !url->is_ws())
    co_return Failure("UPSTREAM_REFUSED",
                      fmt::format("{}/json/version names no browser", at.origin()));
  // The browser may call itself by another name than the one that leads to it (a tunnel, a
  // container).
  url->host = at.host;
  url->port = at.port;
  url->scheme = at.tls() ? "wss" : "ws";
  co_return std::move(*url);
}

awaitable<FailureOr<std::unique_ptr<net::WsStream>>> dial(net::Loop& loop, net::Reach const& reach,
                                                          config::Limits const& limits,
                                                          net::Url url, Duration limit) {
  net::WsLimits ws_limits;
  ws_limits.message_max = limits.upstream_message;
  // Bounded by not reading the clients, see Bridge::upstream_full().
  ws_limits.queue_max = std::numeric_limits<std::size_t>::max();
  ws_limits.check_utf8 = false;
  auto const origin = url.origin();
  auto dialed = co_await net::dial_ws(loop, std::move(url), reach, ws_limits, limit);
  if (auto* ws = std::get_if<std::unique_ptr<net::WsStream>>(&dialed)) co_return std::move(*ws);
  if (auto* error = std::get_if<Error>(&dialed)) co_return refused(*error);
  auto const& refused = std::get<net::UpgradeRefused>(dialed);
  auto error = api::read_error(refused.status, refused.body);
  error.retry_after = api::parse_retry_after(net::find_header(refused.headers, "Retry-After"),
                                             std::chrono::system_clock::now());
  auto failure = failure_of(error, fmt::format("connect to {}", origin));
  if (failure.code != "CONTROLLER_BUSY") failure.code = "UPSTREAM_REFUSED";
  co_return failure;
}

}  // namespace

awaitable<FailureOr<std::unique_ptr<net::WsStream>>> connect_upstream(net::Loop& loop,
                                                                      net::Reach const& reach,
                                                                      config::Limits const& limits,
                                                                      net::Url at, Duration limit) {
  if (!at.is_ws()) {
    auto found = co_await discover(loop, reach, std::move(at), limit);
    if (!found) co_return found.error();
    at = std::move(*found);
  }
  co_return co_await dial(loop, reach, limits, std::move(at), limit);
}

awaitable<Result<std::string>> fetch_protocol(net::Loop& loop, net::Reach const& reach,
                                              net::Url const& at, Duration limit) {
  auto from = at.with_target("/json/protocol");
  auto reply = co_await get(loop, reach, std::move(from), limit);
  if (!reply) co_return reply.error();
  if (reply->status != 200 || !cdp::find_member(reply->body, "domains"))
    co_return Error(Errc::bad_message, "read /json/protocol");
  co_return std::move(reply->body);
}

}  // namespace bridge
