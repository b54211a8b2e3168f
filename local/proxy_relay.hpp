#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "local/runtime_plan.hpp"
#include "net/byte_stream.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

/// Stands between one Chromium and a proxy that wants a name and a password. Chromium takes them
/// neither in its arguments nor, for SOCKS, at all; answering its challenges over CDP would
/// interfere with a controller that intercepts requests.
///
/// Listens on loopback, where every user of the machine can connect: others than our own are
/// turned away.
class ProxyRelay {
 public:
  ProxyRelay(net::Loop& loop, RuntimePlan::Proxy proxy, Log log);

  /// Binds a free port and serves it.
  [[nodiscard]] Result<void> start();
  /// What Chromium is to use instead of the proxy: the same protocol, here, without a login.
  [[nodiscard]] RuntimePlan::Proxy substitute() const;
  /// Ends every connection. Always, before it goes.
  awaitable<void> stop();

 private:
  awaitable<void> accept_loop();
  awaitable<void> serve(std::unique_ptr<net::ByteStream> client);
  awaitable<void> serve_http(net::ByteStream& client);
  awaitable<void> serve_socks(net::ByteStream& client);
  awaitable<std::unique_ptr<net::ByteStream>> connect();

  net::Loop& loop_;
  RuntimePlan::Proxy proxy_;
  Log log_;
  Tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  net::Tasks tasks_;
};

}  // namespace bridge::local
