#include <algorithm>

#include "tests/unit/daemon/bench.hpp"

// Somebody else drives for a while, and clients stay.

using namespace bridge;
using test::Bench;
using test::bridge_config;
using test::kAnswer;
using test::kAsk;
using test::quick;

TEST_CASE("handover: a released runtime has no connection, and its clients wait") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  CHECK(bench.bridge.status().connected);
  REQUIRE(bench.release().has_value());
  CHECK(bench.upstream.connections() == 0);
  CHECK(bench.bridge.state() == BridgeState::released);
  auto const status = bench.bridge.status();
  CHECK_FALSE(status.connected);
  REQUIRE(status.holder);
  CHECK(status.holder->who == "released by the user");
  client.send(kAsk);
  auto& late = bench.knock();
  test::settle(bench.loop);
  CHECK(client.received.empty());
  CHECK(late.status == 0);
  CHECK(bench.upstream.dials() == 1);
  bench.begin_acquire();
  bench.until("both are served", [&] { return client.got(kAnswer) && late.joined(); });
  CHECK(bench.upstream.dials() == 2);
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK_FALSE(client.ended());
  CHECK_FALSE(bench.bridge.status().holder);
}

TEST_CASE("handover: commands under way may finish first; what is never answered holds nobody up") {
  auto timing = quick();
  timing.quiet = 30s;
  SUBCASE("finishes") {
    Bench bench(bridge_config(), timing);
    auto& client = bench.join();
    client.send(R"({"id":9,"method":"Runtime.enable"})");
    bench.until("it is answered", [&] { return client.received.size() == 1; });
    bench.upstream.hold_attach = true;
    client.send(R"({"id":1,"method":"Target.attachToBrowserTarget"})");
    bench.until("it is on its way",
                [&] { return bench.upstream.count("Target.attachToBrowserTarget") == 2; });
    std::optional<FailureOr<>> done;
    bench.begin_release(std::nullopt, done);
    // Others go on until there is a moment in which nobody waits for an answer.
    client.send(kAsk);
    bench.until("it is answered", [&] { return client.got(kAnswer); });
    CHECK_FALSE(done);
    CHECK(bench.upstream.connections() == 1);
    bench.upstream.release_attaches();
    bench.until("it is let go", [&] { return done.has_value(); });
    REQUIRE(client.received.size() == 5);
    CHECK(client.received[3].starts_with(R"({"id":1,"result":)"));
    // Behind it, so that nobody asks a context that is no more.
    CHECK(client.received[4] == R"({"method":"Runtime.executionContextsCleared","params":{}})");
    return;
  }
  timing = quick();
  Bench bench(bridge_config(), timing);
  auto& client = bench.join();
  SUBCASE("never") {
    client.send(R"({"id":1,"method":"Test.never"})");
    bench.until("it is on its way", [&] { return bench.upstream.count("Test.never") == 1; });
    REQUIRE(bench.release().has_value());
    bench.until("it is answered", [&] { return client.received.size() == 1; });
    CHECK(client.received.front().starts_with(R"({"id":1,"error":)"));
  }
  bench.begin_acquire();
  bench.until_state(BridgeState::live);
}

TEST_CASE("handover: time takes it back") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  REQUIRE(bench.release(50ms).has_value());
  client.send(kAsk);
  bench.until("it is answered", [&] { return client.got(kAnswer); });
  CHECK(bench.bridge.state() == BridgeState::live);
}

TEST_CASE("handover: parked: fail answers at once") {
  auto config = bridge_config();
  config.parked = config::Parked::fail;
  Bench bench(config, quick());
  auto& client = bench.join();
  REQUIRE(bench.release().has_value());
  client.send(kAsk);
  bench.until("it is answered", [&] { return !client.received.empty(); });
  CHECK(client.received.front() ==
        R"({"id":5,"error":{"code":-32000,"message":"Another controller drives the runtime"}})");
  bench.begin_acquire();
  bench.until_state(BridgeState::live);
  client.send(kAsk);
  bench.until("it is answered", [&] { return client.got(kAnswer); });
}

TEST_CASE(
    "handover: a sleeping runtime is released without being woken; attaches wait and say why") {
  auto config = bridge_config();
  config.attach_timeout = 100ms;
  Bench bench(config, quick());
  REQUIRE(bench.release().has_value());
  CHECK(bench.bridge.state() == BridgeState::cold);
  CHECK(bench.bridge.status().state == BridgeState::released);
  auto const reason = "released by the user; `bctrl-bridge acquire main` takes it back";
  CHECK(bench.bridge.status().reason == reason);
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(
      refused.body.find("[CONTROLLER_BUSY] the runtime is let to another: released by the user") !=
      std::string::npos);
  CHECK(bench.platform.calls.empty());
  CHECK(bench.bridge.waits_for_acquire()->message.ends_with(reason));
  bench.begin_acquire();
  bench.join();
}

TEST_CASE("handover: on_busy: fail refuses at once while another drives") {
  auto config = bridge_config();
  config.on_busy = config::OnBusy::fail;
  Bench bench(config, quick());
  REQUIRE(bench.release(30s).has_value());
  CHECK(bench.bridge.status().reason.starts_with("released by the user until "));
  CHECK_FALSE(bench.bridge.waits_for_acquire());
  CHECK(bench.refused().body.find("[CONTROLLER_BUSY] ") != std::string::npos);
}

TEST_CASE("handover: acquire returns when the clients have the runtime again") {
  Bench bench(bridge_config(), quick());
  bench.join();
  CHECK(bench.acquire().has_value());  // it was never away
  REQUIRE(bench.release().has_value());
  SUBCASE("they have it") {
    CHECK(bench.acquire().has_value());
    CHECK(bench.bridge.state() == BridgeState::live);
  }
  SUBCASE("its run is over") {
    bench.platform.end_run(RuntimeId{"rt_1"});
    auto const over = bench.acquire();
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().code == "RUN_OVER");
  }
}

TEST_CASE("handover: without clients that stay, they are sent away") {
  auto config = bridge_config();
  config.resume = false;
  Bench bench(config, quick());
  auto& client = bench.join();
  REQUIRE(bench.release().has_value());
  CHECK(bench.upstream.connections() == 0);
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::service_restart);
  bench.begin_acquire();
  bench.join();
  CHECK(bench.platform.count("start rt_1") == 2);
}

TEST_CASE("handover: a stop and the end of the daemon end a release") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  REQUIRE(bench.release().has_value());
  SUBCASE("stop") {
    CHECK(bench.stop_runtime().has_value());
  }
  SUBCASE("the end") {
    CHECK(bench.shut_down() == "runtime rt_1 stopped");
  }
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("handover: taken back before it was let go of, nothing is lost") {
  auto timing = quick();
  timing.quiet = 30s;
  Bench bench(bridge_config(), timing);
  auto& client = bench.join();
  client.send(R"({"id":1,"method":"Test.never"})");
  bench.until("it is on its way", [&] { return bench.upstream.count("Test.never") == 1; });
  std::optional<FailureOr<>> done;
  bench.begin_release(std::nullopt, done);
  CHECK_FALSE(done);
  bench.begin_acquire();
  client.send(kAsk);
  bench.until("it is answered", [&] { return client.got(kAnswer); });
  CHECK(bench.upstream.dials() == 1);
  CHECK(done);
}

TEST_CASE("handover: taken back while it interrupts a redial, clients stay") {
  auto timing = quick();
  timing.redial_pause = 20s;
  timing.redial_pause_max = 20s;
  Bench bench(bridge_config(), timing);
  auto& client = bench.join();
  bench.upstream.refusal = net::text_reply(503, "not now");
  bench.upstream.drop();
  bench.until("it has tried", [&] { return bench.upstream.dials() == 2; });
  test::settle(bench.loop);
  bench.upstream.refusal.reset();
  bench.bridge.probe();  // as the release does
  std::optional<FailureOr<>> done;
  bench.begin_release(std::nullopt, done);
  bench.begin_acquire();
  client.send(kAsk);
  bench.until("it is answered", [&] { return client.got(kAnswer); });
  CHECK_FALSE(client.ended());
}

TEST_CASE("handover: a fixed upstream cannot be handed over") {
  Bench bench;
  config::Bridge config;
  config.name = "fixed";
  config.upstream = Secret(bench.upstream.url());
  Bridge fixed(bench.loop, {}, nullptr, config);
  auto const refused = test::finish(bench.loop, fixed.release(std::nullopt));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "NO_PLATFORM");
  CHECK(test::finish(bench.loop, fixed.acquire()).error().code == "NO_PLATFORM");
  (void)test::finish(bench.loop, fixed.shut_down(0s));
}
