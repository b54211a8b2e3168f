#pragma once

#include <doctest/doctest.h>

#include <list>
#include <optional>
#include <string>
#include <utility>

#include "daemon/bridge.hpp"
#include "daemon/endpoint.hpp"
#include "tests/fakes/ask.hpp"
#include "tests/fakes/cdp_client.hpp"
#include "tests/fakes/fake_platform.hpp"
#include "tests/fakes/fake_upstream.hpp"
#include "tests/fakes/until.hpp"

namespace bridge::test {

inline constexpr std::string_view kBrowser = "/devtools/browser";

/// Timing without the patience that people need.
inline Bridge::Timing quick() {
  Bridge::Timing timing;
  timing.redial_pause = 5ms;
  timing.redial_pause_max = 20ms;
  timing.nobody_patience = 100ms;
  timing.quiet = 200ms;
  timing.farewell = 100ms;
  timing.watch_every = 10ms;
  timing.idle_poll = 2ms;
  timing.stop_again = 5ms;
  return timing;
}

/// A bridge with a runtime called main.
inline config::Bridge bridge_config() {
  config::Bridge out;
  out.name = "main";
  out.runtime.emplace();
  out.runtime->name = "main";
  return out;
}

/// The same, and clients go with the connection.
inline config::Bridge without_resume() {
  auto config = bridge_config();
  config.resume = false;
  return config;
}

/// One bridge behind a real port, between a fake platform and a fake upstream.
struct Bench {
  explicit Bench(config::Bridge config = bridge_config(), Bridge::Timing timing = {})
      : bridge(loop, {}, &platform, std::move(config), timing) {
    platform.connect_url = upstream.url();
    REQUIRE(server.listen("127.0.0.1", 0).has_value());
    server.start();
  }

  /// Everything ends in order and leaves no work behind.
  ~Bench() {
    for (auto& client : clients) client.abort();
    platform.release("start");
    platform.release("stop");
    upstream.release_attaches();
    finish(loop, end());
    loop.io().restart();
    loop.io().run_for(10s);
    CHECK_MESSAGE(loop.io().stopped(), "something still waits after the end");
  }

  awaitable<void> end() {
    (void)co_await bridge.shut_down(0s);
    co_await server.stop();
    co_await upstream.stop();
  }

  template <class Predicate>
  void until(std::string_view what, Predicate holds) {
    test::until(loop, what, std::move(holds));
  }

  /// Begins to attach.
  CdpClient& knock(std::string_view path = kBrowser) {
    auto& client = clients.emplace_back(loop);
    client.attach(server.port(), std::string(path));
    return client;
  }
  CdpClient& join(std::string_view path = kBrowser) {
    auto& client = knock(path);
    until("the client joins", [&] { return client.status != 0; });
    REQUIRE(client.status == 101);
    return client;
  }
  /// The reply to a failed attach.
  net::UpgradeRefused refused(std::string_view path = kBrowser) {
    auto& client = knock(path);
    until("the attach is refused", [&] { return client.status != 0; });
    CHECK(client.status != 101);
    return client.refused;
  }
  FailureOr<> up() { return finish(loop, bridge.up()); }
  FailureOr<> stop_runtime() { return finish(loop, bridge.stop_runtime()); }
  std::string shut_down() { return finish(loop, bridge.shut_down(0s)); }
  /// Begins and does not wait; `done` holds the answer when there is one.
  void begin_stop(std::optional<FailureOr<>>& done) { start(bridge.stop_runtime(), done); }
  void begin_release(std::optional<Duration> time, std::optional<FailureOr<>>& done) {
    start(bridge.release(time), done);
  }
  FailureOr<> release(std::optional<Duration> time = {}) {
    return finish(loop, bridge.release(time));
  }
  FailureOr<> acquire() { return finish(loop, bridge.acquire()); }
  void begin_acquire() {
    asio::co_spawn(loop.io(), bridge.acquire(), [](std::exception_ptr, FailureOr<>) {});
  }
  void begin_shut_down(std::optional<std::string>& done) { start(bridge.shut_down(0s), done); }
  void until_state(BridgeState state) {
    until(to_text(state), [&] { return bridge.state() == state; });
  }

  net::Loop loop;
  FakePlatform platform{loop};
  FakeUpstream upstream{loop};
  std::unique_ptr<CrashRecord> record;  // for tests that keep one
  Bridge bridge;
  Endpoint endpoint{bridge};
  net::HttpServer server{loop, endpoint, {}, "bench"};
  std::list<CdpClient> clients;

 private:
  template <class T>
  void start(awaitable<T> op, std::optional<T>& done) {
    asio::co_spawn(loop.io(), std::move(op), [&done](std::exception_ptr failure, T value) {
      if (failure) std::rethrow_exception(failure);
      done = std::move(value);
    });
    settle(loop);
  }
};

}  // namespace bridge::test
