#pragma once

#include <string>
#include <string_view>

#include "local/faults.hpp"
#include "local/runtimes.hpp"
#include "net/http_server.hpp"

namespace bridge::local {

/// The connectUrl: ws://ADDRESS/v1/cdp/<runId>/<secret>. Lets one controller at a time through to
/// the run's Chromium and relays its bytes without looking at them,
/// unless a fault is to cut them.
class Gateway {
 public:
  static constexpr std::string_view kPath = "/v1/cdp/";

  Gateway(net::Loop& loop, Runtimes& runtimes, Faults& faults)
      : loop_(loop), runtimes_(runtimes), faults_(faults) {}

  /// Answers a request whose path begins with kPath; the secret in it stands for a key. Refusals
  /// come before the handshake: 404 for an unknown run or a wrong secret, 409
  /// runtime.controller_busy, 503 when Chromium does not answer. Otherwise returns when both sides
  /// have ended.
  awaitable<void> handle(net::HttpExchange& exchange, std::string_view path,
                         std::string_view request_id);

 private:
  awaitable<void> relay(net::HttpExchange& exchange, RunId run, Runtimes::Admitted admitted,
                        std::string_view request_id);

  net::Loop& loop_;
  Runtimes& runtimes_;
  Faults& faults_;
};

}  // namespace bridge::local
