#include <fmt/format.h>

#include "daemon/ledger.hpp"
#include "tests/unit/daemon/bench.hpp"
#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;
using test::Bench;
using test::bridge_config;
using test::quick;

namespace {

api::ApiError wait_please(unsigned status, std::string code, std::chrono::milliseconds wait) {
  auto error = api::client_error(std::move(code), "slow down");
  error.status = status;
  error.retry_after = wait;
  return error;
}

// Not state(), which is cold for a moment before the stop.
void until_cold(Bench& bench) {
  bench.until("it is cold", [&] { return bench.bridge.status().state == BridgeState::cold; });
}

config::Bridge idle_after(config::Duration span) {
  auto config = bridge_config();
  config.idle_stop = span;
  return config;
}

}  // namespace

// ---- starts ------------------------------------------------------------------------------------

TEST_CASE("bridge: fifty clients wait as long as the API asks, for one start") {
  Bench bench;
  bench.platform.fail_next("start", wait_please(429, "request.rate_limited", 60ms));
  auto const begun = Clock::now();
  for (int i = 0; i < 50; ++i) bench.knock();
  bench.until("it waits", [&] { return bench.bridge.status().attempts == 1; });
  CHECK(bench.bridge.state() == BridgeState::waking);
  auto const reason = bench.bridge.status().reason;
  CHECK_MESSAGE(reason.starts_with("the API asks to wait, try 2 comes in 0.1 s: [RATE_LIMITED] "),
                reason);
  bench.until("all are in", [&] {
    return std::all_of(bench.clients.begin(), bench.clients.end(),
                       [](auto const& client) { return client.status == 101; });
  });
  CHECK(Clock::now() - begun >= 60ms);
  CHECK(bench.platform.count("create main") == 1);
  CHECK(bench.platform.count("start rt_1") == 2);
  CHECK(bench.upstream.dials() == 1);
  CHECK(bench.bridge.status().attempts == 0);
}

TEST_CASE("bridge: a wait that is longer than anybody has is refused at once, and says how long") {
  auto config = bridge_config();
  config.attach_timeout = 5s;
  Bench bench(config);
  bench.platform.fail_next("start", wait_please(503, "api.down", 90s));
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with("bctrl-bridge: [API_UNREACHABLE] start the runtime: 503 "));
  CHECK(net::find_header(refused.headers, "Retry-After") == "90");
  CHECK(bench.platform.count("start rt_1") == 1);
}

TEST_CASE("bridge: who waits in vain hears what for") {
  auto config = bridge_config();
  config.attach_timeout = 300ms;
  Bench bench(config);
  for (int i = 0; i < 50; ++i)
    bench.platform.fail_next("start", wait_please(429, "request.rate_limited", 15ms));
  auto const refused = bench.refused();
  CHECK(refused.body.starts_with("bctrl-bridge: [RATE_LIMITED] start the runtime: 429 "));
  CHECK(bench.platform.count("start rt_1") >= 2);
  CHECK(bench.bridge.state() == BridgeState::cold);
}

TEST_CASE("bridge: a controller that drives the runtime is waited for") {
  Bench bench;
  net::HttpReply busy;
  busy.status = 409;
  busy.body = R"({"code":"runtime.controller_busy","message":"an invocation drives it"})";
  bench.upstream.refusal = busy;
  auto const& client = bench.knock();
  bench.until("it waits", [&] { return bench.bridge.status().attempts >= 1; });
  CHECK(bench.bridge.status().reason.starts_with("somebody else drives the runtime, try 2 "));
  bench.upstream.refusal.reset();
  bench.until("it is in", [&] { return client.status == 101; });
  CHECK(bench.bridge.status().started_here);
}

TEST_CASE("bridge: a wait for a start ends with the last who waits") {
  Bench bench;
  bench.platform.fail_next("start", wait_please(429, "request.rate_limited", 50ms));
  auto& client = bench.knock();
  bench.until("it waits", [&] { return bench.bridge.status().attempts == 1; });
  client.abort();
  until_cold(bench);
  CHECK(bench.platform.count("start rt_1") == 1);
}

TEST_CASE("bridge: a stop ends a wait for a start") {
  Bench bench;
  bench.platform.fail_next("start", wait_please(429, "request.rate_limited", 30s));
  auto const& client = bench.knock();
  bench.until("it waits", [&] { return bench.bridge.status().attempts == 1; });
  CHECK(bench.stop_runtime().has_value());
  bench.until("it is refused", [&] { return client.status == 503; });
}

TEST_CASE("bridge: start: discovery wakes the runtime when it is looked at") {
  auto config = bridge_config();
  config.start = config::Start::discovery;
  Bench bench(config);
  auto const reply = test::ask(bench.loop, bench.server.port(), "GET", "/json/version");
  CHECK(reply.status == 200);
  CHECK(reply.body.find("Chrome/156") != std::string::npos);
  CHECK(bench.bridge.state() == BridgeState::live);
  REQUIRE(bench.stop_runtime().has_value());
  bench.platform.fail_next("start", 402, "billing.no_credits");
  auto const refused = test::ask(bench.loop, bench.server.port(), "GET", "/json/list");
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with("bctrl-bridge: [QUOTA] "));
}

// ---- ends --------------------------------------------------------------------------------------

TEST_CASE("bridge: a runtime nobody uses is stopped after idle_stop, and not before") {
  Bench bench(idle_after(120ms), quick());
  auto& client = bench.join();
  CHECK_FALSE(bench.bridge.status().stops.has_value());
  test::finish(bench.loop, net::sleep_for(200ms));
  CHECK(bench.bridge.state() == BridgeState::live);
  client.close();
  bench.until("it left", [&] { return client.ended(); });
  auto const left = Clock::now();
  bench.until("there is a countdown", [&] { return bench.bridge.status().stops.has_value(); });
  CHECK(bench.bridge.status().stops->text == "stops in 1s: no client");
  until_cold(bench);
  CHECK(Clock::now() - left >= 100ms);
  CHECK(Clock::now() - left < 1100ms);
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  CHECK(bench.bridge.status().reason == "[IDLE_STOP] nobody used the runtime for 120ms");
  CHECK_FALSE(bench.bridge.status().last_failure.has_value());
  bench.join();
  CHECK(bench.bridge.status().run == RunId("run_2"));
}

TEST_CASE("bridge: a runtime that is woken and not used is stopped too") {
  Bench bench(idle_after(30ms), quick());
  REQUIRE(bench.up().has_value());
  until_cold(bench);
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("bridge: a run whose connection is lost is stopped when nobody comes back") {
  auto config = idle_after(50ms);
  config.resume = false;
  Bench bench(config, quick());
  bench.join();
  bench.upstream.drop();
  bench.until("it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
}

TEST_CASE("bridge: a command in flight keeps the runtime, a look at it does not") {
  Bench bench(idle_after(60ms), quick());
  REQUIRE(bench.up().has_value());
  bench.upstream.silent = true;
  std::optional<FailureOr<std::string>> answer;
  asio::co_spawn(bench.loop.io(), bench.bridge.call("Test.never", "{}"),
                 [&](std::exception_ptr, FailureOr<std::string> got) { answer = std::move(got); });
  test::finish(bench.loop, net::sleep_for(150ms));
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK_FALSE(answer.has_value());
  bench.upstream.drop();
  bench.until("it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
  CHECK(answer.has_value());

  bench.upstream.silent = false;
  REQUIRE(bench.up().has_value());
  bench.upstream.silent = true;
  std::optional<FailureOr<std::string>> look;
  asio::co_spawn(bench.loop.io(), bench.bridge.look_up("Test.never", "{}"),
                 [&](std::exception_ptr, FailureOr<std::string> got) { look = std::move(got); });
  bench.until("it is stopped", [&] { return bench.platform.count("stop rt_1") == 2; });
}

TEST_CASE("bridge: on_last_client stops after the grace, and not when somebody comes back") {
  auto config = bridge_config();
  config.on_last_client = config::OnLastClient::stop;
  config.grace = 80ms;
  Bench bench(config, quick());
  REQUIRE(bench.up().has_value());
  test::finish(bench.loop, net::sleep_for(150ms));
  CHECK(bench.bridge.state() == BridgeState::live);  // nobody has left
  auto& first = bench.join();
  first.close();
  bench.until("it left", [&] { return first.ended(); });
  auto& second = bench.join();
  test::finish(bench.loop, net::sleep_for(150ms));
  CHECK(bench.bridge.state() == BridgeState::live);
  second.close();
  until_cold(bench);
  CHECK(bench.bridge.status().reason == "[LAST_CLIENT] the last client has left");
}

TEST_CASE("bridge: on_last_client stops a run whose only client gave up during its start") {
  auto config = bridge_config();
  config.on_last_client = config::OnLastClient::stop;
  config.grace = 50ms;
  Bench bench(config, quick());
  bench.platform.hold("start");
  auto& client = bench.knock();
  bench.until("it is asked for", [&] { return bench.platform.count("start rt_1") == 1; });
  client.abort();
  test::settle(bench.loop);
  bench.platform.release("start");
  bench.until("it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
  until_cold(bench);
}

TEST_CASE("bridge: a stop by hand while the run ends by itself is one end after the other") {
  Bench bench(idle_after(20ms), quick());
  bench.platform.hold("stop");
  REQUIRE(bench.up().has_value());
  bench.until("it is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  std::optional<FailureOr<>> done;
  bench.begin_stop(done);
  CHECK_FALSE(done);
  CHECK(bench.platform.count("stop rt_1") == 1);
  bench.platform.release("stop");
  bench.until("both are done", [&] { return done.has_value(); });
  CHECK(done->has_value());
  CHECK(bench.bridge.status().state == BridgeState::cold);
}

TEST_CASE("bridge: an end that is due while another ends the run leaves the next run alone") {
  auto config = bridge_config();
  config.max_run = 400ms;
  Bench bench(config, quick());
  bench.platform.hold("stop");
  bench.join();
  std::optional<FailureOr<>> done;
  bench.begin_stop(done);
  bench.until("it is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  auto const& next = bench.knock();
  test::finish(bench.loop, net::sleep_for(500ms));  // max_run is over
  bench.platform.release("stop");
  bench.until("it is in", [&] { return next.status == 101; });
  test::finish(bench.loop, net::sleep_for(100ms));
  CHECK(bench.bridge.status().run == RunId("run_2"));
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("bridge: max_run sends the clients away with a reason and stops the runtime") {
  auto config = bridge_config();
  config.max_run = 500ms;
  Bench bench(config, quick());
  auto& client = bench.join();
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
  CHECK(client.closed.reason == "[MAX_RUN] the run has gone on for 500ms");
  until_cold(bench);
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
}

TEST_CASE("bridge: a client that comes while the run ends gets the next one") {
  auto config = bridge_config();
  config.max_run = 300ms;
  Bench bench(config, quick());
  bench.platform.hold("stop");
  auto& client = bench.join();
  bench.until("the stop is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  CHECK(client.ended());
  auto const& next = bench.knock();
  test::settle(bench.loop);
  CHECK(next.status == 0);
  bench.platform.release("stop");
  bench.until("it is in", [&] { return next.status == 101; });
  CHECK(bench.bridge.status().run == RunId("run_2"));
}

TEST_CASE("bridge: a run that somebody else started is let go of, not stopped") {
  Bench bench(idle_after(40ms), quick());
  bench.platform.open_run(bench.platform.add_runtime("main"));
  REQUIRE(bench.up().has_value());
  CHECK(bench.bridge.status().stops->text.starts_with("is let go of in "));
  until_cold(bench);
  CHECK(bench.upstream.connections() == 0);
  CHECK(bench.platform.count("stop rt_1") == 0);
  CHECK(bench.platform.active(RuntimeId("rt_1")));
  bench.join();
  CHECK(bench.bridge.status().run == RunId("run_1"));
}

TEST_CASE("bridge: a stop that fails is tried again until the runtime has stopped") {
  Bench bench(idle_after(30ms), quick());
  for (int i = 0; i < 3; ++i) bench.platform.fail_next("stop", 500, "api.error");
  REQUIRE(bench.up().has_value());
  bench.until("it says so", [&] {
    return bench.bridge.status().reason.find("MAY STILL RUN") != std::string::npos;
  });
  CHECK(bench.bridge.status().last_failure.has_value());
  bench.until("it is stopped", [&] { return bench.platform.count("stop rt_1") == 4; });
  bench.until("it is over",
              [&] { return bench.bridge.status().reason.starts_with("[IDLE_STOP]"); });
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
}

// ---- budget ------------------------------------------------------------------------------------

TEST_CASE("bridge: a budget ends the run and refuses the next attach") {
  test::TemporaryDirectory directory;
  auto const ledger = Ledger::open((directory.path() / "ledger.db").string()).value();
  auto config = bridge_config();
  config.budget.time = 500ms;
  config.budget.per = config::BudgetPer::month;
  Bench bench(config, quick());
  bench.bridge.keep_ledger(*ledger);
  auto& client = bench.join();
  CHECK(bench.bridge.status().stops->cause == Lifetime::Cause::budget);
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.reason == "[BUDGET] the budget of this month is used up");
  until_cold(bench);
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  auto const refused = bench.refused();
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with(
      "bctrl-bridge: [BUDGET] the budget of this month is used up; there is more in "));
  CHECK(bench.up().error().code == "BUDGET");
  CHECK(bench.platform.count("start rt_1") == 1);
  auto const rows = ledger->since({});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].ours);
  CHECK(rows[0].reason == "BUDGET");
  CHECK(*rows[0].ended - rows[0].started >= 490ms);
  CHECK(*rows[0].ended - rows[0].started < 3s);
}
