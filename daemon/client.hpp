#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "net/ws_stream.hpp"

namespace bridge {

class Bridge;

/// One local WebSocket that has joined the mux. Hands its frames to the bridge and is not read
/// while the runtime's queue is full.
class Client final : public net::WsReceiver {
 public:
  Client(Bridge& bridge, ClientId id, std::string kind, std::unique_ptr<net::WsStream> ws);

  /// Until the socket is over.
  awaitable<Error> run() { return ws_->run(*this); }

  [[nodiscard]] ClientId id() const { return id_; }
  [[nodiscard]] std::string const& kind() const { return kind_; }
  [[nodiscard]] net::WsStream& ws() { return *ws_; }
  [[nodiscard]] net::WsStream const& ws() const { return *ws_; }

 private:
  void on_message(net::WsOpcode kind, std::span<char> payload) override;
  [[nodiscard]] bool paused() const override;
  awaitable<void> resumed() override;

  Bridge& bridge_;
  ClientId id_;
  std::string kind_;  // "browser" or "page"
  std::unique_ptr<net::WsStream> ws_;
};

}  // namespace bridge
