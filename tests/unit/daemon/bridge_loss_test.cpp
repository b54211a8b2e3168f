#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "tests/unit/daemon/bench.hpp"

using namespace bridge;
using test::Bench;
using test::CdpClient;
using test::without_resume;

namespace {

constexpr std::string_view kLost = "Inspected target navigated or closed";

/// Answers to command `id` that a client got.
std::ptrdiff_t answers(CdpClient const& client, int id) {
  auto const begin =
      fmt::format(R"({{"id":{},"error":{{"code":-32000,"message":"{}"}})", id, kLost);
  return std::count_if(client.received.begin(), client.received.end(),
                       [&](std::string const& line) { return line.starts_with(begin); });
}

/// Fills every buffer between the bridge and a client that does not read.
void clog(Bench& bench, CdpClient& client) {
  client.read(false);
  client.send(R"({"id":1,"method":"Test.large","params":{"bytes":30000000}})");
  bench.until("the runtime has answered", [&] { return bench.upstream.count("Test.large") == 1; });
  test::settle(bench.loop);
}

}  // namespace

TEST_CASE("bridge: when the upstream drops, each pending command is answered once, then 1012") {
  Bench bench(without_resume());
  bench.upstream.add_target("T1", "page", "one");
  auto& a = bench.join();
  auto& b = bench.join();
  auto& page = bench.join("/devtools/page/T1");
  a.send(R"({"id":1,"method":"Target.attachToTarget","params":{"targetId":"T1"}})");
  bench.until("a has a session", [&] { return a.received.size() == 2; });
  a.send(R"({"id":2,"method":"Test.never"})");
  a.send(R"({"id":3,"method":"Test.never","sessionId":"S4"})");
  b.send(R"({"id":2,"method":"Test.never"})");
  page.send(R"({"id":9,"method":"Test.never"})");
  bench.until("all are on their way", [&] { return bench.upstream.count("Test.never") == 4; });
  CHECK(bench.bridge.status().pending == 4);

  bench.upstream.drop();
  bench.until("all are closed", [&] { return a.ended() && b.ended() && page.ended(); });
  CHECK(a.received.size() == 4);
  CHECK(answers(a, 2) == 1);
  CHECK(answers(a, 3) == 1);
  CHECK(a.received.back().find(R"("sessionId":"S4")") != std::string::npos);
  CHECK(b.received.size() == 1);
  CHECK(answers(b, 2) == 1);
  CHECK(page.received.size() == 1);
  CHECK(answers(page, 9) == 1);
  for (auto const* client : {&a, &b, &page}) {
    CHECK(client->closed.code == net::ws_code::service_restart);
    CHECK(client->closed.reason.starts_with("[UPSTREAM_LOST] "));
  }
  bench.until_state(BridgeState::cold);
  CHECK(bench.bridge.status().clients == 0);
  CHECK(bench.bridge.status().last_failure->code == "UPSTREAM_LOST");
}

TEST_CASE("bridge: after a drop nothing is dialled until a client attaches; the run is joined") {
  Bench bench(without_resume());
  auto& client = bench.join();
  bench.upstream.drop();
  bench.until("it is closed", [&] { return client.ended(); });
  bench.until_state(BridgeState::cold);
  test::settle(bench.loop);
  CHECK(bench.upstream.dials() == 1);
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK(bench.platform.count("stop rt_1") == 0);

  auto& again = bench.join();
  CHECK(bench.upstream.dials() == 2);
  CHECK(bench.platform.count("start rt_1") == 2);
  CHECK(bench.bridge.status().run == RunId("run_1"));
  CHECK(bench.bridge.status().started_here);
  again.send(R"({"id":1,"method":"Test.echo"})");
  bench.until("it works", [&] { return !again.received.empty(); });
}

TEST_CASE("bridge: a close frame of the runtime is passed on in words, without its secrets") {
  log::Capture log;
  Bench bench(without_resume());
  auto& client = bench.join();
  bench.upstream.close(1011, "gone: " + bench.upstream.url());
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::service_restart);
  CHECK(client.closed.reason.starts_with(
      "[UPSTREAM_LOST] the runtime closed the connection (1011 gone: "));
  bench.until_state(BridgeState::cold);
  CHECK(client.closed.reason.find("secret") == std::string::npos);
  CHECK(bench.bridge.status().reason.find("secret") == std::string::npos);
  CHECK_FALSE(log.contains("a-secret-of-this-run"));
  CHECK(log.contains("the runtime closed the connection"));
}

TEST_CASE("bridge: when the run is over the status says so, and the next attach opens a new run") {
  Bench bench(without_resume());
  bench.join();
  bench.platform.end_run(RuntimeId("rt_1"));
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  CHECK(bench.bridge.status().reason.ends_with("; the run is over"));
  CHECK(bench.bridge.status().run.empty());
  bench.join();
  CHECK(bench.bridge.status().run == RunId("run_2"));
  CHECK(bench.bridge.status().started_here);
}

TEST_CASE("bridge: a runtime that answers no ping is given up") {
  Bridge::Timing timing;
  timing.ping_every = 2ms;
  timing.silence_max = 30ms;
  Bench bench(without_resume(), timing);
  auto& client = bench.join();
  bench.upstream.read(false);
  bench.until("the client is told", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::service_restart);
  CHECK(client.closed.reason == "[UPSTREAM_LOST] the runtime has fallen silent");
}

TEST_CASE("bridge: who was stopped himself does not take his runtime for silent") {
  Bridge::Timing timing;
  timing.ping_every = 5ms;
  timing.silence_max = 100ms;
  Bench bench(without_resume(), timing);
  auto& client = bench.join();
  std::this_thread::sleep_for(300ms);  // as a debugger does it to all of us: nothing is read
  auto const back = Clock::now();
  bench.until("pings go on", [&] { return Clock::now() - back > 30ms; });
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK_FALSE(client.ended());
}

TEST_CASE("bridge: pings keep a quiet connection") {
  Bridge::Timing timing;
  timing.ping_every = 1ms;
  timing.silence_max = 10s;
  Bench bench(without_resume(), timing);
  auto& client = bench.join();
  auto const begin = Clock::now();
  bench.until("many pings passed", [&] { return Clock::now() - begin > 30ms; });
  CHECK(bench.upstream.count("Browser.getVersion") == 1);
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK_FALSE(client.ended());
}

TEST_CASE("bridge: keep_alive: command sends a command besides, which no client sees") {
  auto config = without_resume();
  config.keep_alive = config::KeepAlive::command;
  Bridge::Timing timing;
  timing.ping_every = 1ms;
  Bench bench(config, timing);
  auto& client = bench.join();
  auto const before = bench.upstream.count("Browser.getVersion");
  bench.until("commands have come",
              [&] { return bench.upstream.count("Browser.getVersion") > before + 5; });
  CHECK(client.received.empty());
  CHECK(bench.bridge.state() == BridgeState::live);
}

TEST_CASE("bridge: a client that does not take its farewell does not hold the bridge up") {
  Bridge::Timing timing;
  timing.farewell = 20ms;
  Bench bench(without_resume(), timing);
  auto& deaf = bench.join();
  clog(bench, deaf);
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  CHECK(bench.bridge.status().clients == 0);
}

TEST_CASE("bridge: an attach while the clients are sent away waits, and dials anew") {
  Bridge::Timing timing;
  timing.farewell = 50ms;
  Bench bench(without_resume(), timing);
  auto& deaf = bench.join();
  clog(bench, deaf);
  bench.upstream.drop();
  bench.until_state(BridgeState::closing);
  auto& next = bench.knock();
  test::settle(bench.loop);
  CHECK(next.status == 0);
  bench.until("it is in", [&] { return next.status != 0; });
  CHECK(next.joined());
  CHECK(bench.upstream.dials() == 2);
}

TEST_CASE("bridge: clients paused by a full upstream are released when it drops") {
  auto config = without_resume();
  config.limits.upstream_queue = 64 * 1024;
  Bench bench(config);
  auto& client = bench.join();
  bench.upstream.read(false);
  auto const pad = std::string(1 << 20, 'x');
  for (int i = 1; i <= 40; ++i)
    client.send(
        fmt::format(R"({{"id":{},"method":"Test.never","params":{{"pad":"{}"}}}})", i, pad));
  bench.until("the queue is full", [&] { return bench.bridge.upstream_full(); });
  test::settle(bench.loop);
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  bench.until("it is told", [&] { return client.ended(); });
}

TEST_CASE("bridge: what was known of the browser stays after a loss, its targets do not") {
  Bench bench(without_resume());
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  CHECK(bench.bridge.discovery().size() == 1);
  bench.upstream.silent = true;
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  CHECK(bench.bridge.discovery().version().product == "Chrome/156.0.8078.79");
  CHECK(bench.bridge.discovery().size() == 0);

  bench.knock();
  bench.until("the next upstream is asked",
              [&] { return bench.upstream.count("Browser.getVersion") == 2; });
  CHECK(bench.bridge.discovery().version().product == "Chrome/156.0.8078.79");
  bench.upstream.drop();
  bench.until_state(BridgeState::cold);
  CHECK(bench.bridge.discovery().version().product == "Chrome/156.0.8078.79");
}
