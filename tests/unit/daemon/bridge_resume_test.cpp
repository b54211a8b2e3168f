#include <algorithm>

#include "tests/unit/daemon/bench.hpp"

// Clients that survive the loss of the upstream.

using namespace bridge;
using test::Bench;
using test::bridge_config;
using test::kAnswer;
using test::kAsk;
using test::quick;

namespace {

/// A runtime that a fixed upstream leads to.
config::Bridge fixed(Bench& bench) {
  config::Bridge out;
  out.name = "fixed";
  out.upstream = Secret(bench.upstream.url());
  return out;
}

}  // namespace

TEST_CASE("bridge: clients stay when the upstream drops, and are answered on the next") {
  Bench bench(bridge_config(), quick());
  bench.upstream.add_target("T1", "page", "one");
  auto& a = bench.join();
  auto& page = bench.join("/devtools/page/T1");
  a.send(R"({"id":1,"method":"Test.never"})");
  bench.until("it is on its way", [&] { return bench.upstream.count("Test.never") == 1; });
  bench.upstream.drop();
  bench.until("it is answered", [&] { return a.received.size() == 1; });
  CHECK(a.received.front().starts_with(R"({"id":1,"error":{"code":-32000)"));
  a.send(kAsk);
  page.send(kAsk);
  bench.until("both are answered", [&] { return a.got(kAnswer) && page.got(kAnswer); });
  CHECK_FALSE(a.ended());
  CHECK_FALSE(page.ended());
  CHECK(bench.upstream.dials() == 2);
  CHECK(bench.upstream.count("Test.never") == 1);
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK(bench.platform.count("get rt_1") == 1);
  auto const status = bench.bridge.status();
  CHECK(status.state == BridgeState::live);
  CHECK(status.counts.resumed == 1);
  CHECK(status.counts.lost == 1);
  CHECK_FALSE(status.last_failure);
}

TEST_CASE("bridge: a drop during the return is just another drop") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  bench.upstream.drop_when_discovered = true;
  bench.upstream.drop();
  bench.until("it has tried", [&] { return bench.upstream.dials() >= 4; });
  bench.upstream.drop_when_discovered = false;
  client.send(kAsk);
  bench.until("it is answered", [&] { return client.got(kAnswer); });
  CHECK_FALSE(client.ended());
}

TEST_CASE("bridge: when the run is over, or is another, clients are closed") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  SUBCASE("it is over") {
    bench.platform.end_run(RuntimeId{"rt_1"});
  }
  SUBCASE("it is another") {
    bench.platform.end_run(RuntimeId{"rt_1"});
    bench.platform.open_run(RuntimeId{"rt_1"});
  }
  SUBCASE("the runtime is deleted") {
    bench.platform.delete_all();
  }
  bench.upstream.drop();
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::service_restart);
  CHECK(client.closed.reason.starts_with("[RUN_OVER] the run is over: "));
  bench.until_state(BridgeState::cold);
  CHECK(bench.bridge.status().last_failure->code == "RUN_OVER");
  CHECK(bench.upstream.dials() == 1);
}

TEST_CASE("bridge: what does not come back in time is given up") {
  auto config = bridge_config();
  config.resume_timeout = 150ms;
  Bench bench(config, quick());
  auto& client = bench.join();
  bench.upstream.refusal = net::text_reply(503, "not now");
  bench.upstream.drop();
  client.send(kAsk);
  bench.until_state(BridgeState::resuming);
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::service_restart);
  CHECK(client.closed.reason.find("did not come back within 150ms") != std::string::npos);
  // What was held has its answer.
  REQUIRE(client.received.size() == 1);
  CHECK(client.received.front().starts_with(R"({"id":5,"error":)"));
}

TEST_CASE("bridge: a probe, after sleep or a change of network, dials again at once") {
  auto timing = quick();
  timing.redial_pause = 20s;
  timing.redial_pause_max = 20s;
  Bench bench(bridge_config(), timing);
  auto& client = bench.join();
  bench.upstream.refusal = net::text_reply(503, "not now");
  bench.upstream.drop();
  auto const tried = [&](std::size_t dials) {
    bench.until("it has tried", [&] { return bench.upstream.dials() == dials; });
    test::settle(bench.loop);
  };
  tried(2);
  bench.bridge.probe();
  tried(3);
  bench.upstream.refusal.reset();
  bench.bridge.probe();
  client.send(kAsk);
  bench.until("it is answered", [&] { return client.got(kAnswer); });
  CHECK_FALSE(client.ended());
  CHECK(bench.upstream.dials() == 4);
}

TEST_CASE("bridge: an attach waits while the connection is lost") {
  Bench bench(bridge_config(), quick());
  auto& first = bench.join();
  bench.upstream.refusal = net::text_reply(503, "not now");
  bench.upstream.drop();
  bench.until_state(BridgeState::resuming);
  auto& second = bench.knock();
  test::settle(bench.loop);
  CHECK(second.status == 0);
  bench.upstream.refusal.reset();
  bench.until("it is in", [&] { return second.joined(); });
  second.send(kAsk);
  bench.until("it is answered", [&] { return second.got(kAnswer); });
  CHECK_FALSE(first.ended());
}

TEST_CASE("bridge: when the last client leaves a lost connection, nobody waits for it") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  bench.upstream.refusal = net::text_reply(503, "not now");
  bench.upstream.drop();
  bench.until_state(BridgeState::resuming);
  client.close();
  bench.until_state(BridgeState::cold);
}

TEST_CASE("bridge: a stop, and the end of the daemon, end a return") {
  Bench bench(bridge_config(), quick());
  auto& client = bench.join();
  bench.upstream.refusal = net::text_reply(503, "not now");
  bench.upstream.drop();
  bench.until_state(BridgeState::resuming);
  SUBCASE("stop") {
    CHECK(bench.stop_runtime().has_value());
    CHECK(bench.platform.count("stop rt_1") == 1);
  }
  SUBCASE("the end") {
    CHECK(bench.shut_down() == "runtime rt_1 stopped");
  }
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
}

TEST_CASE("bridge: a port of this machine where nothing listens any more is given up soon") {
  Bench bench;
  Bridge other(bench.loop, {}, nullptr, fixed(bench), quick());
  Endpoint endpoint(other);
  net::HttpServer server(bench.loop, endpoint, {}, "other");
  REQUIRE(server.listen("127.0.0.1", 0).has_value());
  server.start();
  auto& client = bench.clients.emplace_back(bench.loop);
  client.attach(server.port(), std::string(test::kBrowser));
  bench.until("it is in", [&] { return client.joined(); });
  test::finish(bench.loop, bench.upstream.stop());
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.reason.find("nothing listens there any more") != std::string::npos);
  (void)test::finish(bench.loop, other.shut_down(0s));
  test::finish(bench.loop, server.stop());
}
