#pragma once

#include <string>
#include <string_view>

#include "daemon/bridge.hpp"
#include "net/http_server.hpp"

namespace bridge {

/// What Chrome's debugging port would answer, for one bridge: /json routes from what the bridge
/// knows, and the WebSocket endpoints. Discovery is answered without waking anything, unless
/// `start: discovery` is set.
/// tests/e2e/endpoint.test.mjs asks Chromium and this the same, request by request.
class Endpoint final : public net::HttpHandler {
 public:
  explicit Endpoint(Bridge& bridge) : bridge_(bridge) {}

  /// On the bridge's own port.
  awaitable<void> handle(net::HttpExchange& exchange) override;
  /// Below a path of another port: `prefix` is "/b/main".
  awaitable<void> handle_below(net::HttpExchange& exchange, std::string prefix);

 private:
  awaitable<void> upgrade(net::HttpExchange& exchange, std::string path);
  awaitable<net::HttpReply> json_route(net::HttpExchange& exchange, std::string rest,
                                       std::string prefix);
  awaitable<FailureOr<>> wake(net::HttpExchange& exchange);
  awaitable<void> refresh_targets();
  awaitable<net::HttpReply> new_target(net::HttpExchange& exchange, std::string rest,
                                       std::string authority);
  awaitable<net::HttpReply> on_target(net::HttpExchange& exchange, std::string method,
                                      std::string id, std::string done);
  /// A command of ours for one request: given up when the asker leaves or the runtime is silent.
  awaitable<FailureOr<std::string>> ask(net::HttpExchange& exchange, std::string method,
                                        std::string params);
  /// Host as the client named us, and the prefix: what our ws:// addresses begin with.
  [[nodiscard]] static std::string authority(net::HttpExchange const& exchange,
                                             std::string_view prefix);

  Bridge& bridge_;
};

}  // namespace bridge
