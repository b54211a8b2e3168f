#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"

namespace bridge::systemd {

/// Tells systemd how the service is doing, in the sd_notify protocol: datagrams to $NOTIFY_SOCKET.
/// Without that variable every call does nothing, and trouble is logged once and never fails the
/// service. The environment is read in the constructor only. One thread at a time.
class Notifier {
 public:
  /// As getenv(): nullptr when the variable is not set.
  using Env = std::function<char const*(char const*)>;

  explicit Notifier(Env const& env);
  ~Notifier();
  Notifier(Notifier const&) = delete;
  Notifier& operator=(Notifier const&) = delete;

  /// Start-up, or a reload, is over: the configuration is valid and the listeners are bound.
  void ready(std::string_view status);
  /// What `systemctl status` shows: one line, redacted like a log line. A text that was already
  /// sent is not sent again, so a timer may call this every second; do not call it more often.
  void status(std::string_view status);
  /// A reload begins; ready() ends it.
  void reloading();
  /// The service has begun to stop.
  void stopping();
  /// The start or stop under way needs up to `timeout` from now. Call it again before that has
  /// passed.
  void extend(std::chrono::microseconds timeout);

  /// How often to call ping(): half of what systemd allows. None when nobody waits for pings of
  /// this process.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const {
    return watchdog_interval_;
  }
  /// This process is alive. Call it from a timer of the loop that does the work: a blocked loop
  /// must be noticed.
  void ping();

 private:
  void open(std::string_view name);
  [[nodiscard]] std::string status_field(std::string_view status);
  bool send(std::string_view message, int flags = 0);
  void complain(char const* doing, int error);

  Log log_{"systemd"};
  int socket_ = -1;
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  std::optional<std::chrono::microseconds> watchdog_interval_;
  std::string last_status_;
  bool complained_ = false;
};

}  // namespace bridge::systemd
