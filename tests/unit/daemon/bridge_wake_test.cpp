#include "tests/unit/daemon/bench.hpp"

using namespace bridge;
using test::Bench;
using test::bridge_config;
using test::CdpClient;

namespace {

constexpr std::string_view kSecret = "a-secret-of-this-run";

net::HttpReply json_error(unsigned status, std::string body) {
  net::HttpReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", "application/json");
  reply.body = std::move(body);
  return reply;
}

bool all_have_status(std::list<CdpClient> const& clients, unsigned status) {
  return std::all_of(clients.begin(), clients.end(),
                     [status](CdpClient const& client) { return client.status == status; });
}

}  // namespace

TEST_CASE("bridge: fifty simultaneous first attaches cause one start and one dial") {
  Bench bench;
  for (int i = 0; i < 50; ++i) bench.knock();
  bench.until("all are in", [&] { return all_have_status(bench.clients, 101); });
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK(bench.upstream.dials() == 1);
  CHECK(bench.upstream.sessions() == 50);
  CHECK(bench.bridge.status().clients == 50);
  CHECK(bench.bridge.state() == BridgeState::live);
}

TEST_CASE("bridge: an attach while the runtime starts shares that start") {
  Bench bench;
  bench.platform.hold("start");
  bench.knock();
  bench.until("the start is asked for", [&] { return bench.platform.count("start rt_1") == 1; });
  CHECK(bench.bridge.state() == BridgeState::waking);
  bench.knock();
  test::settle(bench.loop);
  bench.platform.release("start");
  bench.until("both are in", [&] { return all_have_status(bench.clients, 101); });
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK(bench.upstream.dials() == 1);
}

TEST_CASE("bridge: a failed wake tells every waiter the same, and the next attach tries again") {
  Bench bench;
  bench.platform.hold("start");
  bench.platform.fail_next("start", 402, "quota.browsers");
  for (int i = 0; i < 3; ++i) bench.knock();
  test::settle(bench.loop);
  bench.platform.release("start");
  bench.until("all are refused", [&] { return all_have_status(bench.clients, 503); });
  CHECK(bench.platform.count("start rt_1") == 1);
  for (auto const& client : bench.clients) {
    CHECK(client.refused.body.starts_with("bctrl-bridge: [QUOTA] start the runtime: 402"));
    CHECK(client.refused.body == bench.clients.front().refused.body);
    CHECK(
        net::find_header(client.refused.headers, "x-playwright-debug-log").starts_with("[QUOTA]"));
  }
  CHECK(bench.bridge.state() == BridgeState::cold);
  CHECK(bench.bridge.status().last_failure->request_id == "req_7");
  bench.join();
  CHECK(bench.platform.count("start rt_1") == 2);
  CHECK_FALSE(bench.bridge.status().last_failure.has_value());
}

TEST_CASE("bridge: up wakes without a client, and again does nothing") {
  Bench bench;
  CHECK(bench.up().has_value());
  CHECK(bench.up().has_value());
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK(bench.bridge.status().runtime == RuntimeId("rt_1"));
  CHECK(bench.bridge.status().run == RunId("run_1"));
  CHECK(bench.bridge.status().started_here);
  CHECK(bench.bridge.status().reason == "Chrome/156.0.8078.79");
}

TEST_CASE("bridge: an upgrade refused as busy says that somebody else drives, and no secret") {
  log::Capture log;
  auto config = bridge_config();
  config.on_busy = config::OnBusy::fail;
  Bench bench(config);
  bench.upstream.refusal =
      json_error(409, R"({"code":"runtime.controller_busy","message":"not you: )" +
                          bench.upstream.url() + R"(","requestId":"req_9"})");
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with("bctrl-bridge: [CONTROLLER_BUSY] connect to ws://127.0.0.1:"));
  CHECK(refused.body.find("(request req_9)") != std::string::npos);
  CHECK(refused.body.find(kSecret) == std::string::npos);
  CHECK_FALSE(log.contains(kSecret));
  CHECK(bench.bridge.state() == BridgeState::cold);

  bench.upstream.refusal.reset();
  bench.join();
  CHECK(bench.bridge.status().started_here);  // the run is the one that we started
}

TEST_CASE("bridge: an endpoint that cannot be opened is said as that") {
  struct Row {
    std::string name;
    char const* url;  ///< empty: the fake's
    unsigned status;
  };
  for (auto const& row : {Row{"a gateway's page", "", 502}, Row{"a wrong token", "", 401},
                          Row{"nobody listens", "ws://127.0.0.1:1/x", 0},
                          Row{"no browser behind http", "http://127.0.0.1:1", 0},
                          Row{"not an address", "no address at all", 0}}) {
    CAPTURE(row.name);
    Bench bench;
    if (row.status != 0) bench.upstream.refusal = json_error(row.status, "<html>no</html>");
    if (row.url[0] != '\0') bench.platform.connect_url = row.url;
    auto const refused = bench.refused();
    CHECK(refused.status == 503);
    CHECK(refused.body.starts_with("bctrl-bridge: [UPSTREAM_REFUSED] "));
  }
}

// The browser dies, and a client is back before the platform knows that the run is over.
TEST_CASE("bridge: a run that was open already and refuses us is asked for again") {
  Bridge::Timing timing;
  timing.rejoin_pause = 1ms;
  auto config = bridge_config();
  config.resume_timeout = 50ms;
  Bench bench(config, timing);
  bench.join();
  bench.upstream.refusal = json_error(503, R"({"code":"run.browser_host_unavailable"})");
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  auto const& client = bench.knock();
  bench.until("the refused run is asked for again",
              [&] { return bench.platform.count("start rt_1") >= 3; });
  bench.upstream.refusal.reset();
  bench.until("the client is in", [&] { return client.status == 101; });
}

TEST_CASE("bridge: an attach waits no longer than attach_timeout; the wake goes on") {
  auto config = bridge_config();
  config.attach_timeout = 30ms;
  Bench bench(config);
  bench.platform.hold("start");
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with(
      "bctrl-bridge: [ATTACH_TIMEOUT] the runtime is not ready after 30ms\n"));
  CHECK(bench.bridge.state() == BridgeState::waking);
  bench.platform.release("start");
  bench.until_state(BridgeState::live);
  bench.join();
  CHECK(bench.platform.count("start rt_1") == 1);
}

TEST_CASE("bridge: a browser that does not say what it is, is given up") {
  Bridge::Timing timing;
  timing.ping_every = 2ms;
  timing.dial = 20ms;
  Bench bench(bridge_config(), timing);
  bench.upstream.silent = true;
  CHECK(bench.refused().body.starts_with(
      "bctrl-bridge: [UPSTREAM_LOST] the runtime's browser does not answer\n"));
  CHECK(bench.bridge.state() == BridgeState::cold);
}

TEST_CASE("bridge: a browser that will not tell its targets is given up") {
  Bench bench;
  bench.upstream.refuse_discovery = true;
  CHECK(bench.refused().body.starts_with("bctrl-bridge: [UPSTREAM_LOST] "));
  bench.upstream.refuse_discovery = false;
  bench.join();
}

TEST_CASE("bridge: an upstream that ends as soon as it is live is an ordinary loss") {
  Bench bench;
  for (int round = 0; round < 20; ++round) {
    bench.upstream.drop_when_discovered = true;
    auto& unlucky = bench.knock();
    bench.knock();
    bench.until("it is over", [&] {
      auto const over = [](CdpClient const& c) { return c.status != 0 && c.ended(); };
      return over(unlucky) && over(bench.clients.back());
    });
    CHECK((unlucky.status == 503 || unlucky.closed.code == net::ws_code::service_restart));
    bench.until_state(BridgeState::cold);
    bench.upstream.drop_when_discovered = false;
    bench.join().close();
    bench.until("it left", [&] { return bench.clients.back().ended(); });
    REQUIRE(bench.stop_runtime().has_value());
  }
}

TEST_CASE("bridge: a fixed upstream needs no platform") {
  net::Loop loop;
  test::FakeUpstream upstream(loop);
  config::Bridge config;
  config.name = "fixed";
  bool http = false;
  SUBCASE("a WebSocket address is dialled as it is") {}
  SUBCASE("an http address leads to its browser, by the name that we know") {
    http = true;
  }
  config.upstream = Secret(http ? upstream.http_url() : upstream.url());
  Bridge bridge(loop, {}, nullptr, config);
  CHECK(test::finish(loop, bridge.up()).has_value());
  CHECK(upstream.connections() == 1);
  CHECK(bridge.status().runtime.empty());
  CHECK(test::finish(loop, bridge.stop_runtime()).has_value());
  CHECK(test::finish(loop, bridge.shut_down(0s)) == "nothing to stop");
  test::finish(loop, upstream.stop());
}

TEST_CASE("bridge: an attach that the browser does not answer ends after attach_timeout") {
  auto config = bridge_config();
  config.attach_timeout = 50ms;
  Bench bench(config);
  bench.join();
  bench.upstream.hold_attach = true;
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with(
      "bctrl-bridge: [ATTACH_TIMEOUT] the runtime's browser does not answer after 50ms\n"));
  CHECK(bench.bridge.status().sessions == 1);
  bench.upstream.release_attaches();
  bench.until("the late session is given back", [&] { return bench.upstream.sessions() == 1; });
}
