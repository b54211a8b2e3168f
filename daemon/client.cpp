#include "daemon/client.hpp"

#include "daemon/bridge.hpp"

namespace bridge {

Client::Client(Bridge& bridge, ClientId id, std::string kind, std::unique_ptr<net::WsStream> ws)
    : bridge_(bridge), id_(id), kind_(std::move(kind)), ws_(std::move(ws)) {}

void Client::on_message(net::WsOpcode kind, std::span<char> payload) {
  if (kind == net::WsOpcode::text) {
    bridge_.from_client(id_, {payload.data(), payload.size()});
  } else {
    // Chrome drops the whole connection for a binary frame, so it must not get there.
    ws_->close(net::ws_code::unsupported, "[BINARY] CDP messages are text");
  }
}

bool Client::paused() const {
  return bridge_.upstream_full();
}

awaitable<void> Client::resumed() {
  return bridge_.upstream_room();
}

}  // namespace bridge
