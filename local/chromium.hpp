#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "local/process.hpp"
#include "local/runtime_plan.hpp"
#include "net/http_client.hpp"
#include "net/tasks.hpp"
#include "net/url.hpp"

namespace bridge::local {

/// The browser program: `configured`, else $BCTRL_BRIDGE_CHROMIUM, else the first of chromium,
/// chromium-browser and google-chrome in PATH. The error says how to install one.
[[nodiscard]] Result<std::string> find_chromium(std::string const& configured);

/// "156.0.8078.79" as `program --version` prints it. not_found when it does not: no Chromium.
awaitable<Result<std::string>> chromium_version(net::Loop& loop, std::string program);

/// Chromium refuses to run as root with its sandbox; only there it is left out.
[[nodiscard]] bool runs_unsandboxed();

struct ChromiumOptions {
  std::string program;             ///< what find_chromium() found
  std::vector<std::string> flags;  ///< after ours, so they win
  Duration start_limit = 30s;      ///< from exec to a DevTools port that answers
  Duration stop_limit = 5s;        ///< from asking it to end to SIGKILL
};

/// One Chromium process with its DevTools port. start() once, stop() always before it goes.
class Chromium {
 public:
  Chromium(net::Loop& loop, ChromiumOptions options, Log log);

  /// Starts it with `profile` as its user data directory and the flags that `plan` means, and waits
  /// until it answers and has its first page. After an error it is gone. `plan.proxy` must need no
  /// password.
  awaitable<Result<void>> start(std::filesystem::path profile, RuntimePlan const& plan);

  /// Ends when it has ended by itself. stop() is due then, too.
  awaitable<Result<void>> exited();
  /// Asks it to end, after the limit kills it, and waits for it. Returns at once when it has ended.
  awaitable<void> stop();

  /// Ends it at once; start() then fails. For an owner who cannot wait for start().
  void kill();

  [[nodiscard]] pid_t pid() const { return process_ ? process_->pid() : 0; }
  /// ws://127.0.0.1:PORT/devtools/browser/UUID.
  [[nodiscard]] net::Url const& devtools() const { return devtools_; }
  /// "Chrome/156.0.8078.79".
  [[nodiscard]] std::string const& product() const { return product_; }
  /// How it ended, and its last words.
  [[nodiscard]] std::string epitaph() const;

 private:
  [[nodiscard]] std::vector<std::string> arguments(std::filesystem::path const& profile,
                                                   RuntimePlan const& plan) const;
  awaitable<void> drain();
  void take_line(std::string_view line);
  awaitable<Result<void>> announced();
  awaitable<Result<void>> usable();
  awaitable<Result<std::string>> ask(net::HttpClient& client, std::string target);

  net::Loop& loop_;
  ChromiumOptions options_;
  Log log_;
  std::unique_ptr<Process> process_;
  net::Tasks tasks_;
  net::Signal announced_;
  net::Url devtools_;
  std::string product_;
  std::string half_line_;
  std::deque<std::string> last_lines_;
};

}  // namespace bridge::local
