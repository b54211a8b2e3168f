#include <fmt/format.h>

#include "tests/unit/daemon/bench.hpp"

using namespace bridge;
using test::Bench;
using test::bridge_config;
using test::CdpClient;
using test::kBrowser;
using Lines = std::vector<std::string>;

namespace {

/// A socket that can go in the middle of its handshake.
Tcp::socket bare_handshake(Bench& bench) {
  Tcp::socket socket(bench.loop.io());
  socket.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), bench.server.port()));
  auto const text = test::handshake(bench.server.port(), kBrowser);
  socket.send(asio::buffer(text));
  return socket;
}

}  // namespace

TEST_CASE("bridge: two clients may use the same command id and get their own replies only") {
  Bench bench;
  auto& a = bench.join();
  auto& b = bench.join();
  a.send(R"({"id":1,"method":"Test.echo","params":{"who":"a"}})");
  b.send(R"({"id":1,"method":"Test.echo","params":{"who":"b"}})");
  bench.until("both have an answer", [&] { return !a.received.empty() && !b.received.empty(); });
  test::settle(bench.loop);
  CHECK(a.received == Lines{R"({"id":1,"result":{"method":"Test.echo","params":{"who":"a"}}})"});
  CHECK(b.received == Lines{R"({"id":1,"result":{"method":"Test.echo","params":{"who":"b"}}})"});
}

TEST_CASE("bridge: a session of one client does not exist for another") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  auto& a = bench.join();
  auto& b = bench.join();
  a.send(R"({"id":1,"method":"Target.attachToTarget","params":{"targetId":"T1"}})");
  bench.until("a is attached", [&] { return a.received.size() == 2; });
  CHECK(a.received[1] == R"({"id":1,"result":{"sessionId":"S3"}})");
  b.send(R"({"id":1,"method":"Test.echo","sessionId":"S3"})");
  a.send(R"({"id":2,"method":"Test.echo","sessionId":"S3"})");
  bench.until("both have an answer", [&] { return a.received.size() == 3 && !b.received.empty(); });
  CHECK(b.received ==
        Lines{R"({"id":1,"error":{"code":-32001,"message":"Session with given id not found."}})"});
  CHECK(a.received[2] ==
        R"({"id":2,"result":{"method":"Test.echo","params":{}},"sessionId":"S3"})");
}

TEST_CASE("bridge: a client that leaves takes its sessions along, with or without a close frame") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  auto& a = bench.join();
  auto& b = bench.join();
  auto& page = bench.join("/devtools/page/T1");
  CHECK(bench.upstream.sessions() == 3);
  a.close();
  b.abort();
  page.close();
  bench.until("upstream has no session", [&] { return bench.upstream.sessions() == 0; });
  bench.until("all left", [&] { return a.ended() && b.ended() && page.ended(); });
  CHECK(a.closed.code == net::ws_code::normal);
  CHECK(bench.bridge.status().clients == 0);
  CHECK(bench.bridge.status().sessions == 0);
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK(bench.platform.count("stop rt_1") == 0);
}

TEST_CASE("bridge: a client gone while it attaches leaves no session") {
  Bench bench;
  REQUIRE(bench.up().has_value());
  bench.upstream.hold_attach = true;
  {
    auto const socket = bare_handshake(bench);
    bench.until("the attach is asked for",
                [&] { return bench.upstream.count("Target.attachToBrowserTarget") == 1; });
  }
  bench.until("the bridge noticed", [&] { return bench.server.connections() == 0; });
  bench.upstream.release_attaches();
  bench.until("the orphan is detached",
              [&] { return bench.upstream.count("Target.detachFromTarget") == 1; });
  CHECK(bench.upstream.sessions() == 0);
  CHECK(bench.bridge.status().sessions == 0);
  CHECK(bench.bridge.status().clients == 0);
}

TEST_CASE("bridge: a client gone while the runtime wakes is not attached") {
  Bench bench;
  bench.platform.hold("start");
  {
    auto const socket = bare_handshake(bench);
    bench.until_state(BridgeState::waking);
  }
  bench.until("the bridge noticed", [&] { return bench.server.connections() == 0; });
  bench.platform.release("start");
  bench.until_state(BridgeState::live);
  test::settle(bench.loop);
  CHECK(bench.upstream.count("Target.attachToBrowserTarget") == 0);
}

TEST_CASE("bridge: Browser.close ends the client that asks, not the browser") {
  Bench bench;
  auto& other = bench.join();
  auto& client = bench.join();
  client.send(R"({"id":7,"method":"Browser.close"})");
  bench.until("it left", [&] { return client.ended(); });
  CHECK(client.received == Lines{R"({"id":7,"result":{}})"});
  CHECK(client.closed.code == net::ws_code::normal);
  other.send(R"({"id":1,"method":"Test.echo"})");
  bench.until("the other has an answer", [&] { return !other.received.empty(); });
  CHECK(bench.upstream.count("Browser.close") == 0);
  CHECK(bench.upstream.sessions() == 1);
  CHECK(bench.platform.count("stop rt_1") == 0);
}

TEST_CASE("bridge: a binary frame ends its client and does not reach the runtime") {
  Bench bench;
  auto& other = bench.join();
  auto& client = bench.join();
  auto const before = bench.upstream.commands().size();
  client.send_binary(R"({"id":1,"method":"Test.echo"})");
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::unsupported);
  CHECK(client.closed.reason == "[BINARY] CDP messages are text");
  bench.until("it is detached", [&] { return bench.upstream.sessions() == 1; });
  CHECK(bench.upstream.commands().size() == before + 1);
  CHECK_FALSE(other.ended());
}

TEST_CASE("bridge: a message above limits.client_message ends its client with 1009") {
  auto config = bridge_config();
  config.limits.client_message = 64 * 1024;
  Bench bench(config);
  auto& other = bench.join();
  auto& client = bench.join();
  client.send(fmt::format(R"({{"id":1,"method":"Test.echo","params":{{"a":"{}"}}}})",
                          std::string(64 * 1024, 'x')));
  bench.until("it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::too_big);
  CHECK(bench.upstream.count("Test.echo") == 0);
  CHECK_FALSE(other.ended());
}

TEST_CASE("bridge: a reply of many megabytes arrives whole") {
  Bench bench;
  auto& client = bench.join();
  constexpr std::size_t kBytes = 20'000'000;
  client.send(fmt::format(R"({{"id":1,"method":"Test.large","params":{{"bytes":{}}}}})", kBytes));
  bench.until("it is there", [&] { return !client.received.empty(); });
  CHECK(client.received[0] ==
        R"({"id":1,"result":{"data":")" + std::string(kBytes, 'x') + R"("}})");
}

TEST_CASE("bridge: limits.clients bounds the clients, also those that wait for a wake") {
  auto config = bridge_config();
  config.limits.clients = 2;
  Bench bench(config);
  for (int i = 0; i < 10; ++i) bench.knock();
  auto const with_status = [&](unsigned status) {
    return std::count_if(bench.clients.begin(), bench.clients.end(),
                         [=](CdpClient const& client) { return client.status == status; });
  };
  bench.until("all have an answer", [&] { return with_status(0) == 0; });
  CHECK(with_status(101) == 2);
  CHECK(with_status(503) == 8);
  CHECK(bench.refused().body.starts_with(
      "bctrl-bridge: [TOO_MANY_CLIENTS] 2 clients are connected\n"));
  for (auto& client : bench.clients) client.abort();
  bench.until("they left", [&] { return bench.bridge.status().clients == 0; });
  bench.join();
}

TEST_CASE("bridge: only the client that does not read is closed; the others get everything") {
  auto config = bridge_config();
  config.limits.client_queue = 2 << 20;
  Bridge::Timing timing;
  bool reads_in_the_end = false;
  SUBCASE("one that reads again finds out why") {
    reads_in_the_end = true;
  }
  SUBCASE("one that never reads is cut off after the farewell") {
    timing.farewell = 20ms;
  }
  log::Capture log;
  Bench bench(config, timing);
  auto& fast = bench.join();
  auto& slow = bench.join();
  slow.read(false);
  // However much the kernel holds for a socket: small rounds until the queue is full.
  std::size_t asked = 0;
  while (!log.contains("c2 does not read")) {
    for (int i = 0; i < 8; ++i) {
      auto const ask =
          fmt::format(R"({{"id":{},"method":"Test.large","params":{{"bytes":65536}}}})", ++asked);
      fast.send(ask);
      slow.send(ask);
    }
    bench.until("the fast one has all", [&] { return fast.received.size() == asked; });
  }
  if (reads_in_the_end) slow.read(true);
  bench.until("the slow one is detached", [&] { return bench.upstream.sessions() == 1; });
  CHECK(bench.bridge.status().clients == 1);
  slow.read(true);
  bench.until("the slow one ends", [&] { return slow.ended(); });
  CHECK(slow.received.size() < asked);
  if (reads_in_the_end) {
    CHECK(slow.closed.code == net::ws_code::try_again_later);
    CHECK(slow.closed.reason.starts_with("[SLOW_READER] "));
  }
  fast.send(R"({"id":1,"method":"Test.echo"})");
  bench.until("the fast one goes on", [&] { return fast.received.size() == asked + 1; });
}

TEST_CASE("bridge: a full upstream pauses the reading of clients, not their writing, and resumes") {
  auto config = bridge_config();
  config.limits.upstream_queue = 256 * 1024;
  Bench bench(config);
  bench.upstream.add_target("T1", "page", "one");
  auto& client = bench.join();
  bench.upstream.read(false);
  constexpr int kCommands = 160;  // 40 MB: more than the kernel holds for two sockets
  auto const pad = std::string(256 * 1024, 'x');
  for (int i = 1; i <= kCommands; ++i)
    client.send(fmt::format(
        R"({{"id":{},"method":"Test.large","params":{{"bytes":1,"pad":"{}"}}}})", i, pad));
  bench.until("the queue is full", [&] { return bench.bridge.upstream_full(); });
  test::settle(bench.loop);
  CHECK(bench.bridge.status().counts.commands < kCommands);
  CHECK(client.received.empty());

  bench.upstream.send(R"({"method":"Test.event","params":{},"sessionId":"S1"})");
  bench.until("events still come", [&] { return client.received.size() == 1; });
  CHECK(client.received[0] == R"({"method":"Test.event","params":{}})");

  bench.upstream.read(true);
  bench.until("all are answered", [&] { return client.received.size() == kCommands + 1; });
  CHECK_FALSE(bench.bridge.upstream_full());
}

namespace {

Bridge::Timing impatient() {
  Bridge::Timing timing;
  timing.watch_every = 10ms;
  timing.hold = {50ms, 150ms};
  return timing;
}

// The session of a browser client is S1, S2 and so on in the order of joining.
std::string waiting_target(std::string_view parent, std::string_view child) {
  return fmt::format(
      R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}","targetInfo":)"
      R"({{"targetId":"T1","type":"page","browserContextId":"X"}},"waitingForDebugger":true}},)"
      R"("sessionId":"{}"}})",
      child, parent);
}

}  // namespace

TEST_CASE("bridge: a client that holds a target up is named, and let go of when it is stopped") {
  log::Capture log;
  Bench bench(bridge_config(), impatient());
  auto& stopped = bench.join();
  auto& other = bench.join();
  stopped.read(false);
  bench.upstream.send(waiting_target("S1", "S9"));
  bench.until("it is named", [&] { return log.contains("c1 holds up the start of target T1"); });
  bench.until("its session is given back", [&] { return bench.upstream.sessions() == 1; });
  CHECK(log.contains("it answers no ping and is let go of"));
  CHECK_FALSE(other.ended());
  bench.until("nobody is named any more", [&] { return bench.bridge.status().holding.empty(); });
}

TEST_CASE("bridge: a client that lives may hold a target up, and is named in the status") {
  Bench bench(bridge_config(), impatient());
  auto& client = bench.join();
  bench.upstream.send(waiting_target("S1", "S9"));
  bench.until("it is named", [&] { return !bench.bridge.status().holding.empty(); });
  CHECK(bench.bridge.status().holding[0].starts_with("c1 "));
  test::settle(bench.loop);
  CHECK_FALSE(client.ended());
  client.send(R"({"id":1,"method":"Runtime.runIfWaitingForDebugger","sessionId":"S9"})");
  bench.until("it holds nothing", [&] { return bench.bridge.status().holding.empty(); });
  CHECK_FALSE(client.ended());
}

TEST_CASE("bridge: a client that may have lost the same network is given as long again") {
  log::Capture log;
  auto timing = impatient();
  timing.redial_pause = 5ms;
  timing.redial_pause_max = 20ms;
  Bench bench(bridge_config(), timing);
  bench.join().read(false);
  auto const lost = Clock::now();
  bench.upstream.drop_when_discovered = true;
  bench.upstream.drop();
  bench.until("it has been away", [&] { return Clock::now() - lost > 800ms; });
  bench.upstream.drop_when_discovered = false;
  bench.until("it is back", [&] { return log.contains("again"); });
  auto const back = Clock::now();
  bench.upstream.send(waiting_target(bench.upstream.last_session(), "S9"));
  bench.until("it is named", [&] { return log.contains("c1 holds up the start of target T1"); });
  bench.until("it is let go of", [&] { return log.contains("it answers no ping"); });
  CHECK(Clock::now() - back >= 700ms);
}

TEST_CASE("bridge: who has a long reply on the way cannot answer the ping behind it") {
  log::Capture log;
  Bench bench(bridge_config(), impatient());
  auto& client = bench.join();
  client.read(false);
  client.send(R"({"id":1,"method":"Test.large","params":{"bytes":12000000}})");
  bench.until("the reply is on its way", [&] { return bench.upstream.count("Test.large") == 1; });
  bench.upstream.send(waiting_target("S1", "S9"));
  bench.until("it is named", [&] { return log.contains("c1 holds up the start of target T1"); });
  auto const named = Clock::now();
  bench.until("it is overdue", [&] { return Clock::now() - named > 300ms; });
  client.read(true);
  bench.until("the reply is there", [&] { return !client.received.empty(); });
  CHECK(client.received[0].size() >= 12000000);
  CHECK_FALSE(client.ended());
  CHECK_FALSE(log.contains("is let go of"));
}

namespace {

// A megabyte of commands at once.
constexpr int kFlood = 5000;
void flood(test::CdpClient& client, std::string_view method) {
  auto const pad = std::string(150, 'x');
  for (int i = 1; i <= kFlood; ++i)
    client.send(
        fmt::format(R"({{"id":{},"method":"{}","params":{{"pad":"{}"}}}})", i, method, pad));
}

Bridge::Timing slow_to_give_up() {
  Bridge::Timing timing;
  timing.stuck = 1h;
  return timing;
}

}  // namespace

TEST_CASE(
    "bridge: who floods the runtime is read no further than its share while others are there") {
  Bench bench(bridge_config(), slow_to_give_up());
  auto& heavy = bench.join();
  auto& light = bench.join();
  bench.upstream.silent = true;
  flood(heavy, "Test.echo");
  bench.until("its share is full", [&] { return bench.upstream.count("Test.echo") > 200; });
  test::settle(bench.loop);
  CHECK(bench.upstream.count("Test.echo") < Window::kStart / 150);
  light.send(test::kAsk);
  auto const before = bench.upstream.count("Test.echo");
  bench.until("the other one is heard",
              [&] { return bench.upstream.count("Test.echo") == before + 1; });
  CHECK(heavy.received.empty());

  SUBCASE("and goes on when the connection is lost") {
    bench.upstream.silent = false;
    bench.upstream.drop();
    bench.until("each command has one answer", [&] { return heavy.received.size() == kFlood; });
  }
  SUBCASE("and goes on when it is alone") {
    light.close();
    bench.until("all arrive", [&] { return bench.upstream.count("Test.echo") > kFlood; });
  }
}

TEST_CASE("bridge: commands that wait for a command behind them do not keep it from coming") {
  Bridge::Timing timing;
  timing.stuck = 10ms;
  Bench bench(bridge_config(), timing);
  auto& client = bench.join();
  bench.join();
  flood(client, "Test.never");
  client.send(R"({"id":100000,"method":"Test.echo"})");
  bench.until("it comes", [&] { return client.received.size() == 1; });
  CHECK(bench.upstream.count("Test.never") == kFlood);
}

TEST_CASE("bridge: a flood beside others is answered in order, once and whole") {
  Bench bench;
  auto& heavy = bench.join();
  bench.join();
  flood(heavy, "Test.echo");
  bench.until("all are answered", [&] { return heavy.received.size() == kFlood; });
  for (int i = 1; i <= kFlood; ++i)
    REQUIRE(heavy.received[static_cast<std::size_t>(i - 1)].starts_with(
        fmt::format(R"({{"id":{},"result")", i)));
}
