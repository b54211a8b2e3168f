#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "daemon/window.hpp"
#include "net/ws_stream.hpp"

namespace bridge {

class Bridge;

/// One local WebSocket that has joined the mux. Hands its frames to the bridge and is not read
/// while the runtime's queue, or its share of it, is full.
class Client final : public net::WsReceiver {
 public:
  /// `agent` is the handshake's User-Agent, to name the client by.
  Client(Bridge& bridge, ClientId id, std::string_view agent, std::unique_ptr<net::WsStream> ws);

  /// Until the socket is over.
  awaitable<Error> run() { return ws_->run(*this); }

  /// "c3 Playwright/1.65.1", for people.
  [[nodiscard]] ClientId id() const { return id_; }
  [[nodiscard]] std::string const& name() const { return name_; }
  [[nodiscard]] net::WsStream& ws() { return *ws_; }
  [[nodiscard]] net::WsStream const& ws() const { return *ws_; }
  [[nodiscard]] Window& window() { return window_; }
  [[nodiscard]] Window const& window() const { return window_; }

 private:
  void on_message(net::WsOpcode kind, std::span<char> payload) override;
  [[nodiscard]] std::size_t room() const override;
  awaitable<void> resumed() override;
  void on_drained() override;

  Bridge& bridge_;
  ClientId id_;
  std::string name_;
  std::unique_ptr<net::WsStream> ws_;
  Window window_;
};

}  // namespace bridge
