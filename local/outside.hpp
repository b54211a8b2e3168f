#pragma once

#include <memory>

#include "net/http_client.hpp"

namespace bridge::local {

/// The way to other hosts, for what the API itself reaches for: webhooks, model providers, what a
/// proxy is tried with. Certificates are the system's; proxies are the environment's, as curl
/// reads them.
class Outside {
 public:
  explicit Outside(net::Loop& loop) : loop_(loop) {}

  [[nodiscard]] net::Loop& loop() { return loop_; }
  /// Read at the first use: most backends never reach out.
  [[nodiscard]] Result<net::Reach const*> reach();

  /// One request on a connection of its own. Redirects are not followed; a longer body than
  /// `reply_max` is too_large.
  awaitable<Result<net::HttpReply>> send(net::Url url, net::HttpRequest request, Duration limit,
                                         std::size_t reply_max);

 private:
  net::Loop& loop_;
  std::unique_ptr<net::TlsContext> tls_;
  std::unique_ptr<net::Reach> reach_;
};

}  // namespace bridge::local
