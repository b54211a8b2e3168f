#include "daemon/service.hpp"

#include "daemon/daemon.hpp"
#include "daemon/guard.hpp"
#include "daemon/refusal.hpp"

namespace bridge {
namespace {

net::HttpReply text_reply(unsigned status, std::string body) {
  return bare_reply(status, "text/plain; charset=UTF-8", std::move(body));
}

}  // namespace

awaitable<void> Service::handle(net::HttpExchange& exchange) {
  constexpr std::string_view kBelow = "/b/";
  auto const& target = exchange.request().target;
  if (target.starts_with(kBelow)) {
    auto const end = target.find_first_of("/?", kBelow.size());
    auto const name =
        target.substr(kBelow.size(), end == std::string::npos ? end : end - kBelow.size());
    if (auto const endpoint = daemon_.endpoint(name)) {
      auto prefix = std::string(kBelow) + name;
      co_await endpoint->handle_below(exchange, std::move(prefix));
      co_return;
    }
  }
  if (auto refused = check_host(exchange, {})) {
    co_await exchange.reply(std::move(*refused));
    co_return;
  }
  auto const path = target.substr(0, target.find('?'));
  auto reply = text_reply(404, "not found\n");
  if (path == "/livez" || path == "/healthz") reply = text_reply(200, "ok\n");
  if (path == "/readyz")
    reply = daemon_.draining() ? text_reply(503, "draining\n") : text_reply(200, "ok\n");
  co_await exchange.reply(std::move(reply));
}

}  // namespace bridge
