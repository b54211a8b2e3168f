#include "daemon/client.hpp"

#include <fmt/format.h>

#include "daemon/bridge.hpp"

namespace bridge {

namespace {

constexpr std::size_t kAgentMax = 40;

std::string name_of(ClientId id, std::string_view agent) {
  auto name = fmt::format("c{}", static_cast<std::uint64_t>(id));
  if (agent.empty()) return name;
  name += ' ';
  for (char const c : agent.substr(0, kAgentMax)) name += c >= ' ' && c <= '~' ? c : '?';
  return name;
}

}  // namespace

Client::Client(Bridge& bridge, ClientId id, std::string_view agent,
               std::unique_ptr<net::WsStream> ws)
    : bridge_(bridge), id_(id), name_(name_of(id, agent)), ws_(std::move(ws)) {}

void Client::on_message(net::WsOpcode kind, std::span<char> payload) {
  if (kind == net::WsOpcode::text) {
    bridge_.from_client(id_, {payload.data(), payload.size()});
  } else {
    // Chrome drops the whole connection for a binary frame, so it must not get there.
    ws_->close(net::ws_code::unsupported, "[BINARY] CDP messages are text");
  }
}

std::size_t Client::room() const {
  return bridge_.room_for(*this);
}

awaitable<void> Client::resumed() {
  return bridge_.wait_for_room(*this);
}

void Client::on_drained() {
  bridge_.client_drained();
}

}  // namespace bridge
