#include "tests/fakes/cdp_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <limits>

namespace bridge::test {

CdpClient::CdpClient(net::Loop& loop)
    : loop_(loop), reading_(loop.executor()), tasks_(loop.executor()) {}

CdpClient::~CdpClient() = default;

void CdpClient::attach(std::uint16_t port, std::string path) {
  tasks_.spawn("client", live(port, std::move(path)));
}

awaitable<void> CdpClient::live(std::uint16_t port, std::string path) {
  auto url = net::parse_url(fmt::format("ws://127.0.0.1:{}{}", port, path)).value();
  net::WsLimits limits;
  limits.message_max = 512ULL << 20;
  limits.queue_max = std::numeric_limits<std::size_t>::max();
  auto dialed = co_await net::dial_ws(loop_, std::move(url), reach_, limits, 30s);
  if (auto* refusal = std::get_if<net::UpgradeRefused>(&dialed)) {
    refused = std::move(*refusal);
    status = refused.status;
    co_return;
  }
  if (std::holds_alternative<Error>(dialed)) {
    status = 1;
    co_return;
  }
  ws_ = std::move(std::get<std::unique_ptr<net::WsStream>>(dialed));
  status = 101;
  (void)co_await ws_->run(*this);
  closed = ws_->peer_close();
}

bool CdpClient::got(std::string_view frame) const {
  return std::find(received.begin(), received.end(), frame) != received.end();
}

void CdpClient::send_binary(std::string_view bytes) {
  (void)ws_->send(std::span(&bytes, 1), net::WsOpcode::binary);
}

void CdpClient::read(bool on) {
  reads_ = on;
  reading_.notify_all();
}

void CdpClient::abort() {
  read(true);
  if (ws_) {
    ws_->abort();
  } else {
    asio::post(loop_.io(), [this] { tasks_.stop(); });
  }
}

void CdpClient::on_message(net::WsOpcode, std::span<char> payload) {
  received.emplace_back(payload.data(), payload.size());
}

}  // namespace bridge::test
