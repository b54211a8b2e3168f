#include <fmt/format.h>

#include "tests/unit/daemon/bench.hpp"

using namespace bridge;
using test::Bench;
using test::bridge_config;

// ---- stop_runtime -----------------------------------------------------------------------------

TEST_CASE("bridge: stop sends clients away with 1001, lets go of the upstream, stops the runtime") {
  Bench bench;
  auto& client = bench.join();
  REQUIRE(bench.stop_runtime().has_value());
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
  CHECK(client.closed.reason == "[STOPPED] the runtime was stopped");
  CHECK(bench.platform.count("stop rt_1") == 1);
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  bench.until("upstream is closed", [&] { return bench.upstream.connections() == 0; });
  CHECK(bench.bridge.state() == BridgeState::cold);
  CHECK(bench.bridge.status().reason == "the runtime was stopped");
  CHECK_FALSE(bench.bridge.status().last_failure.has_value());
  CHECK_FALSE(bench.bridge.status().started_here);
  bench.join();
  CHECK(bench.bridge.status().run == RunId("run_2"));
}

TEST_CASE("bridge: a stop answers what is in flight before it closes the clients") {
  Bench bench;
  auto& client = bench.join();
  client.send(R"({"id":7,"method":"Test.never"})");
  bench.until("it is in flight", [&] { return bench.bridge.status().pending == 1; });
  REQUIRE(bench.stop_runtime().has_value());
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
  REQUIRE(client.received.size() == 1);
  CHECK(client.received[0].starts_with(R"({"id":7,"error":)"));
}

TEST_CASE("bridge: stop also stops a run that somebody else had started") {
  Bench bench;
  bench.platform.open_run(bench.platform.add_runtime("main"));
  bench.join();
  REQUIRE(bench.stop_runtime().has_value());
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
}

TEST_CASE("bridge: a stop while the runtime starts waits for the start, then stops it") {
  Bench bench;
  bench.platform.hold("start");
  auto& client = bench.knock();
  bench.until("the start is asked for", [&] { return bench.platform.count("start rt_1") == 1; });
  std::optional<FailureOr<>> stopped;
  bench.begin_stop(stopped);
  CHECK_FALSE(stopped.has_value());
  CHECK(bench.platform.count("stop rt_1") == 0);
  bench.platform.release("start");
  bench.until("it is stopped", [&] { return stopped.has_value(); });
  CHECK(stopped->has_value());
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  bench.until("the client is told", [&] { return client.status != 0; });
  CHECK(client.status == 503);
  CHECK(client.refused.body.starts_with("bctrl-bridge: [STOPPED] the runtime was stopped\n"));
}

TEST_CASE("bridge: a stop that began before the dial does not wait for a mute upstream") {
  Bench bench;
  bench.upstream.silent = true;
  bench.platform.hold("start");
  bench.knock();
  bench.until("the start is asked for", [&] { return bench.platform.count("start rt_1") == 1; });
  std::optional<FailureOr<>> stopped;
  bench.begin_stop(stopped);
  bench.platform.release("start");
  bench.until("it is stopped", [&] { return stopped.has_value(); });
  CHECK(bench.bridge.state() == BridgeState::cold);
}

TEST_CASE("bridge: an attach during the stop waits, and its new run is ours") {
  Bench bench;
  bench.join();
  bench.platform.hold("stop");
  std::optional<FailureOr<>> stopped;
  bench.begin_stop(stopped);
  bench.until("the stop is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  auto& next = bench.knock();
  test::settle(bench.loop);
  CHECK(bench.bridge.status().state == BridgeState::closing);
  CHECK(bench.platform.count("start rt_1") == 1);
  bench.platform.release("stop");
  bench.until("it is in", [&] { return next.status != 0; });
  CHECK(next.joined());
  CHECK(stopped.has_value());
  CHECK(bench.bridge.status().started_here);
  CHECK(bench.bridge.status().run == RunId("run_2"));
  CHECK(bench.shut_down() == "runtime rt_1 stopped");
}

TEST_CASE("bridge: a stop while clients are sent away ends even if an attach waits for that too") {
  Bridge::Timing timing;
  timing.farewell = 30ms;
  Bench bench(test::without_resume(), timing);
  auto& deaf = bench.join();
  deaf.read(false);
  deaf.send(R"({"id":1,"method":"Test.large","params":{"bytes":30000000}})");
  bench.until("the runtime has answered", [&] { return bench.upstream.count("Test.large") == 1; });
  test::settle(bench.loop);
  bench.upstream.drop();
  bench.until_state(BridgeState::closing);
  auto& waits = bench.knock();
  test::settle(bench.loop);
  std::optional<FailureOr<>> stopped;
  bench.begin_stop(stopped);
  bench.until("it is stopped", [&] { return stopped.has_value(); });
  CHECK(stopped->has_value());
  bench.until("the attach has an answer", [&] { return waits.status != 0; });
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("bridge: two stops at once are one after the other") {
  Bench bench;
  bench.join();
  bench.platform.hold("stop");
  std::optional<FailureOr<>> one;
  std::optional<FailureOr<>> two;
  bench.begin_stop(one);
  bench.begin_stop(two);
  bench.until("the stop is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  test::settle(bench.loop);
  CHECK(bench.platform.count("stop rt_1") == 1);
  bench.platform.release("stop");
  bench.until("both are done", [&] { return one.has_value() && two.has_value(); });
  CHECK(one->has_value());
  CHECK(two->has_value());
}

TEST_CASE("bridge: a stop that the platform refuses is an error, and the bridge is cold") {
  Bench bench;
  bench.join();
  bench.platform.fail_next("stop", 503, "api.unavailable");
  auto const stopped = bench.stop_runtime();
  REQUIRE(!stopped);
  CHECK(stopped.error().code == "API_UNREACHABLE");
  CHECK(bench.bridge.state() == BridgeState::cold);
  CHECK(bench.bridge.status().reason.starts_with("[API_UNREACHABLE] stop the runtime: 503"));
  CHECK(bench.bridge.status().started_here);
}

TEST_CASE("bridge: an upstream that takes no close frame does not hold the stop up") {
  Bridge::Timing timing;
  timing.farewell = 20ms;
  Bench bench(bridge_config(), timing);
  auto& client = bench.join();
  bench.upstream.read(false);
  auto const pad = std::string(1 << 20, 'x');
  for (int i = 1; i <= 20; ++i)
    client.send(
        fmt::format(R"({{"id":{},"method":"Test.never","params":{{"pad":"{}"}}}})", i, pad));
  test::settle(bench.loop);
  auto const begin = Clock::now();
  REQUIRE(bench.stop_runtime().has_value());
  CHECK(Clock::now() - begin < 20s);
}

// ---- shut_down --------------------------------------------------------------------------------

TEST_CASE("bridge: shut down while cold has nothing to stop, and nobody is admitted afterwards") {
  Bench bench;
  CHECK(bench.shut_down() == "nothing to stop");
  CHECK(bench.platform.calls.empty());
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with("bctrl-bridge: [STOPPING] the daemon is shutting down\n"));
  CHECK(bench.platform.calls.empty());
}

TEST_CASE("bridge: shut down while a start is in flight waits for it and stops what it started") {
  Bench bench;
  bench.platform.hold("start");
  auto& client = bench.knock();
  bench.until("the start is asked for", [&] { return bench.platform.count("start rt_1") == 1; });
  std::optional<std::string> said;
  bench.begin_shut_down(said);
  CHECK_FALSE(said.has_value());
  bench.platform.release("start");
  bench.until("it is down", [&] { return said.has_value(); });
  CHECK(*said == "runtime rt_1 stopped");
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  CHECK(bench.upstream.dials() == 0);
  bench.until("the client is told", [&] { return client.status != 0; });
  CHECK(client.refused.body.starts_with("bctrl-bridge: [STOPPING] "));
}

TEST_CASE("bridge: shut down while live closes clients with 1001 and stops the runtime") {
  Bench bench;
  auto& a = bench.join();
  auto& b = bench.join();
  CHECK(bench.shut_down() == "runtime rt_1 stopped");
  bench.until("both are closed", [&] { return a.ended() && b.ended(); });
  CHECK(a.closed.code == net::ws_code::going_away);
  CHECK(b.closed.reason == "[STOPPING] the daemon is shutting down");
  bench.until("upstream is closed", [&] { return bench.upstream.connections() == 0; });
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
}

TEST_CASE("bridge: on_exit keep leaves the runtime running and says so") {
  auto config = bridge_config();
  config.on_exit = config::OnExit::keep;
  Bench bench(config);
  bench.join();
  CHECK(bench.shut_down() == "runtime rt_1 keeps running (on_exit: keep)");
  CHECK(bench.platform.active(RuntimeId("rt_1")));
}

TEST_CASE("bridge: a run that was not started here is left running and said so") {
  Bench bench;
  bench.platform.open_run(bench.platform.add_runtime("main"));
  bench.join();
  CHECK(bench.shut_down() == "runtime rt_1 was not started here and is left alone");
  CHECK(bench.platform.active(RuntimeId("rt_1")));
  CHECK(bench.platform.count("stop rt_1") == 0);
}

TEST_CASE("bridge: a runtime that we failed to stop at the end is named with the reason") {
  Bench bench;
  bench.join();
  bench.platform.fail_next("stop", 0, "network.error");
  auto const said = bench.shut_down();
  CHECK(said.starts_with("runtime rt_1 MAY STILL RUN: [API_UNREACHABLE] stop the runtime: "));
}

TEST_CASE("bridge: a runtime lost by a drop is still stopped at the end") {
  Bench bench(test::without_resume());
  bench.join();
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  CHECK(bench.shut_down() == "runtime rt_1 stopped");
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
}

TEST_CASE("bridge: shut down during a stop waits for it and stops nothing twice") {
  Bench bench;
  bench.join();
  bench.platform.hold("stop");
  std::optional<FailureOr<>> stopped;
  bench.begin_stop(stopped);
  bench.until("the stop is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  std::optional<std::string> said;
  bench.begin_shut_down(said);
  CHECK_FALSE(said.has_value());
  bench.platform.release("stop");
  bench.until("it is down", [&] { return said.has_value(); });
  CHECK(*said == "nothing to stop");
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("bridge: nobody waits for a dial that is not wanted any more") {
  net::Loop loop;
  Tcp::acceptor mute(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  config::Bridge config;
  config.name = "main";
  config.upstream = Secret(fmt::format("ws://127.0.0.1:{}/", mute.local_endpoint().port()));
  Bench bench(config);
  auto& client = bench.knock();
  bench.until_state(BridgeState::waking);
  auto const begin = Clock::now();
  CHECK(bench.shut_down() == "nothing to stop");
  CHECK(Clock::now() - begin < 5s);
  bench.until("the client is told", [&] { return client.status != 0; });
  CHECK(client.refused.body.starts_with("bctrl-bridge: [STOPPING] "));
}

TEST_CASE("bridge: a runtime whose start was not answered is stopped at the end") {
  Bench bench;
  bench.platform.fail_next("start", 0, "network.error");
  CHECK_FALSE(bench.up().has_value());
  CHECK(bench.shut_down() == "runtime rt_1 stopped");
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("bridge: a runtime whose start was refused is not stopped at the end") {
  Bench bench;
  bench.platform.fail_next("start", 402, "billing.insufficient_credits");
  CHECK_FALSE(bench.up().has_value());
  CHECK(bench.shut_down() == "nothing to stop");
}
