#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/dial.hpp"
#include "net/tasks.hpp"

namespace bridge::test {

/// A CDP client on a real socket. Keeps everything it is sent. The owner runs the loop until
/// ended() before it goes.
class CdpClient final : private net::WsReceiver {
 public:
  explicit CdpClient(net::Loop& loop);
  ~CdpClient() override;

  /// Begins to attach to a loopback port; `status` says how it went.
  void attach(std::uint16_t port, std::string path);

  /// 0: not yet; 101: it is in; 1: no answer at all.
  unsigned status = 0;
  net::UpgradeRefused refused;
  std::vector<std::string> received;
  /// The server's close frame; code 0 when the socket ended without one.
  net::WsClose closed;

  [[nodiscard]] bool joined() const { return status == 101; }
  [[nodiscard]] bool ended() const { return tasks_.empty(); }
  [[nodiscard]] bool got(std::string_view frame) const;

  void send(std::string_view frame) { (void)ws_->send(frame); }
  void send_binary(std::string_view bytes);
  void read(bool on);
  void close() { ws_->close(net::ws_code::normal, ""); }
  void abort();

 private:
  awaitable<void> live(std::uint16_t port, std::string path);
  void on_message(net::WsOpcode, std::span<char> payload) override;
  [[nodiscard]] std::size_t room() const override { return reads_ ? SIZE_MAX : 0; }
  awaitable<void> resumed() override { return reading_.wait(); }

  net::Loop& loop_;
  net::Reach reach_;
  std::unique_ptr<net::WsStream> ws_;
  bool reads_ = true;
  net::Broadcast reading_;
  net::Tasks tasks_;
};

}  // namespace bridge::test
