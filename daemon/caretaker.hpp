#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/platform.hpp"
#include "config/config.hpp"
#include "daemon/bridge.hpp"
#include "daemon/crash_record.hpp"
#include "daemon/reaper.hpp"

namespace bridge {

/// Sees to it that no paid runtime outlives its owner, while the daemon runs: renews the leases,
/// ends what a killed daemon has left and nobody takes over, and stops runtimes with our tag that
/// no bridge holds, at the start and whenever the process has been away for a while. What the
/// bridges take over, they take over themselves.
class Caretaker {
 public:
  struct Timing {
    Duration tick = 1s;        ///< how often it is looked whether we were away
    Duration away = 10s;       ///< a longer gap between two ticks means that
    Duration retry = 1s;       ///< after the platform was not reached; doubles
    Duration retry_max = 60s;  ///< at most
  };

  /// All outlive the caretaker. `leased`: runtimes live on when this process is gone.
  Caretaker(net::Loop& loop, api::Platform& platform, CrashRecord& record,
            config::Config const& config, std::vector<Bridge*> bridges, bool leased, Timing timing);

  void start();
  awaitable<void> stop();
  /// One more bridge, after start(). It outlives the caretaker or forget().
  void keep(Bridge& bridge);
  /// Returns when its lease is not being renewed any more.
  awaitable<void> forget(Bridge& bridge);
  /// Looks for runtimes with our tag that nobody holds, and stops them unless `dry_run`.
  awaitable<FailureOr<std::vector<Reaped>>> reap(bool dry_run);

 private:
  awaitable<void> put_right();
  awaitable<void> reap_until_done();
  awaitable<void> watch();
  void renew_lease_of(Bridge& bridge);
  awaitable<void> renew(Bridge& bridge, Duration every);
  void was_away(Duration gap);
  [[nodiscard]] config::Bridge const* find(std::string const& bridge) const;

  Log log_{"caretaker"};
  net::Loop& loop_;
  api::Platform& platform_;
  CrashRecord& record_;
  config::Config const& config_;
  std::vector<Bridge*> bridges_;
  std::map<Bridge*, net::Tasks> renewals_;
  bool leased_;
  Timing timing_;
  bool reaping_ = false;
  net::Broadcast awake_;
  net::Tasks tasks_;
};

}  // namespace bridge
