#include "local/outside.hpp"

#include <cstdlib>

namespace bridge::local {

Result<net::Reach const*> Outside::reach() {
  if (reach_) return reach_.get();
  auto tls = net::TlsContext::make({});
  if (!tls) return tls.error();
  auto proxies = net::ProxySettings::from_env([](char const* name) { return std::getenv(name); });
  if (!proxies) return proxies.error();
  tls_ = std::move(*tls);
  reach_ = std::make_unique<net::Reach>();
  reach_->tls = tls_.get();
  reach_->proxies = std::move(*proxies);
  return reach_.get();
}

awaitable<Result<net::HttpReply>> Outside::send(net::Url url, net::HttpRequest request,
                                                Duration limit, std::size_t reply_max) {
  auto const way = reach();
  if (!way) co_return way.error();
  net::HttpClient client(loop_, **way, reply_max);
  auto reply = co_await client.send(std::move(url), std::move(request), limit);
  co_return std::move(reply);
}

}  // namespace bridge::local
