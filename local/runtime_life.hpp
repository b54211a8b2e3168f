#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "base/uuid.hpp"
#include "local/proxy_relay.hpp"
#include "local/recorder.hpp"
#include "local/runtimes.hpp"
#include "local/token.hpp"

namespace bridge::local {

/// One life of a runtime, from the first start call to the browser's end.
struct Runtimes::Life {
  static constexpr std::size_t kSecretBytes = 32;

  Life(net::Loop& loop, Runtime const& row, ChromiumOptions options, Lock::Rule rule)
      : runtime(row.id),
        space(row.space),
        run{new_uuid()},
        log(fmt::format("local {}", row.id.value.substr(0, 8))),
        secret(random_token(kSecretBytes)),
        chromium(loop, std::move(options), log),
        lock(run, rule),
        stop_wanted(loop.executor()),
        idle_timer(loop.executor(), Clock::time_point::max()) {}

  void touch() {
    last_activity = now();
    last_used = Clock::now();
  }

  RuntimeId runtime;
  SpaceId space;
  RunId run;
  Log log;
  Secret secret;
  Secret connect_url;
  Chromium chromium;
  std::unique_ptr<ProxyRelay> proxy;  // none: Chromium needs no help with its proxy
  std::unique_ptr<Recorder> recorder;
  std::string active_target;  // the page that was brought to the front last
  Lock lock;
  Phase phase = Phase::starting;
  Timestamp asked_at = now();
  Timestamp started_at = asked_at;
  Timestamp last_activity = asked_at;
  Clock::time_point last_used = Clock::now();
  std::chrono::seconds idle_timeout{0};
  net::Signal stop_wanted;
  asio::steady_timer idle_timer;
  std::string reason;                 // why it ended: stop, idle_timeout, shutdown
  std::optional<RunFailure> failure;  // or what broke it
  std::size_t cdp_now = 0;
  std::size_t cdp_total = 0;
};

}  // namespace bridge::local
