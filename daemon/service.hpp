#pragma once

#include "net/http_server.hpp"

namespace bridge {

class Daemon;

/// The service port: health of this process, and every bridge below /b/<name>.
class Service final : public net::HttpHandler {
 public:
  explicit Service(Daemon& daemon) : daemon_(daemon) {}
  awaitable<void> handle(net::HttpExchange& exchange) override;

 private:
  Daemon& daemon_;
};

}  // namespace bridge
