#include <fmt/format.h>

#include "tests/unit/daemon/daemon_bench.hpp"

using namespace bridge;
using Change = config::Diff::Change;
using nlohmann::json;
using test::daemon_config;
using test::DaemonBench;

namespace {

constexpr auto kAsk = R"({"id":7,"method":"Test.echo"})";
constexpr auto kAnswer = R"({"id":7,"result":{"method":"Test.echo","params":{}}})";

FailureOr<config::Diff> change_to(DaemonBench& bench, config::Config next) {
  return test::finish(bench.loop, bench.daemon.change_to([next] { return next; }));
}

std::vector<std::string> names(DaemonBench& bench) {
  std::vector<std::string> out;
  for (auto const& listed : bench.daemon.bridges()) out.push_back(listed.bridge->config().name);
  return out;
}

config::Bridge bridge_named(std::string name) {
  auto out = daemon_config().bridges[0];
  out.name = name;
  out.runtime->name = std::move(name);
  return out;
}

/// Joins bridge main at a port of its own.
test::CdpClient& join_main(DaemonBench& bench) {
  return bench.join(bench.bridge_port(), "/devtools/browser");
}

std::uint16_t free_port(net::Loop& loop) {
  return Tcp::acceptor(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0))
      .local_endpoint()
      .port();
}

bool connects(net::Loop& loop, std::uint16_t port) {
  Tcp::socket socket(loop.io());
  error_code ec;
  socket.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), port), ec);
  return !ec;
}

void check_works(DaemonBench& bench, test::CdpClient& client) {
  client.received.clear();
  client.send(kAsk);
  test::until(bench.loop, "it is answered", [&] { return client.got(kAnswer); });
  CHECK_FALSE(client.ended());
}

}  // namespace

TEST_CASE("reload: clients stay where only rules have changed, and the rules hold at once") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto const ports = std::pair(bench.daemon.bridges()[0].http, bench.daemon.bridges()[1].http);
  auto next = daemon_config();
  next.bridges[0].limits.clients = 1;
  next.bridges[0].allowed_hosts = {"other.example"};
  next.drain = 7s;
  auto const done = change_to(bench, next);
  REQUIRE(done.has_value());
  REQUIRE(done->bridges.size() == 1);
  CHECK(done->bridges[0].change == Change::adjusted);
  CHECK(done->keys == std::vector<std::string>{"drain"});
  CHECK(bench.daemon.drain() == 7s);
  CHECK(ports == std::pair(bench.daemon.bridges()[0].http, bench.daemon.bridges()[1].http));
  check_works(bench, client);
  CHECK(bench.platform.count("start rt_1") == 1);
  auto& second = bench.clients.emplace_back(bench.loop);
  second.attach(bench.bridge_port(), "/devtools/browser");
  test::until(bench.loop, "another is refused", [&] { return second.status != 0; });
  CHECK(second.status == 503);
  CHECK(second.refused.body.starts_with("bctrl-bridge: [TOO_MANY_CLIENTS]"));
}

TEST_CASE("reload: a shorter idle_stop ends a run that nobody uses") {
  DaemonBench bench;
  CHECK(bench.control("POST", "/bridges/main/up").status == 200);
  auto next = daemon_config();
  next.bridges[0].idle_stop = 1ms;
  REQUIRE(change_to(bench, next).has_value());
  test::until(bench.loop, "it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
}

TEST_CASE("reload: bridges come and go, in the order of the file, and the others do not notice") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto& other = bench.join(DaemonBench::port_of(bench.daemon.bridges()[1].http), "/");
  auto next = daemon_config();
  next.bridges[1] = next.bridges[0];
  next.bridges[0] = bridge_named("first");
  auto const done = change_to(bench, next);
  REQUIRE(done.has_value());
  CHECK(names(bench) == std::vector<std::string>{"first", "main"});
  CHECK(bench.daemon.find("spare") == nullptr);
  test::until(bench.loop, "the clients of the one that went are sent away",
              [&] { return other.ended(); });
  CHECK(other.closed.code == net::ws_code::going_away);
  CHECK(other.closed.reason == "[STOPPING] the configuration has changed");
  CHECK(bench.platform.count("stop rt_2") == 1);
  CHECK(bench.platform.count("stop rt_1") == 0);
  check_works(bench, client);
  check_works(bench, bench.join(bench.bridge_port(), "/"));  // of first
}

TEST_CASE("reload: another runtime needs the bridge anew, at its old port") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto const port = bench.bridge_port();
  auto next = daemon_config();
  next.bridges[0].runtime->name = "another";
  auto const done = change_to(bench, next);
  REQUIRE(done.has_value());
  CHECK(done->bridges[0].change == Change::replaced);
  test::until(bench.loop, "it is sent away", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
  CHECK(bench.platform.count("stop rt_1") == 1);
  CHECK(bench.bridge_port() == port);
  check_works(bench, bench.join(port, "/"));
  CHECK(bench.daemon.find("main")->status().runtime != RuntimeId{"rt_1"});
}

TEST_CASE("reload: clients stay when their bridge moves to another port") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto const old = bench.bridge_port();
  auto const free = free_port(bench.loop);
  auto next = daemon_config();
  next.bridges[0].port = free;
  auto const done = change_to(bench, next);
  REQUIRE(done.has_value());
  CHECK(done->bridges[0].change == Change::adjusted);
  CHECK(bench.bridge_port() == free);
  check_works(bench, client);
  check_works(bench, bench.join(free, "/"));
  CHECK_FALSE(connects(bench.loop, old));
  CHECK(bench.platform.count("start rt_1") == 1);
  next.bridges[0].port = 0;  // any will do
  REQUIRE(change_to(bench, next).has_value());
  CHECK(bench.bridge_port() == free);
  check_works(bench, client);
}

TEST_CASE("reload: a port that was left is given up with its last client") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto next = daemon_config();
  for (int round = 0; round < 5; ++round) {
    next.bridges[0].port = free_port(bench.loop);
    REQUIRE(change_to(bench, next).has_value());
  }
  CHECK(bench.daemon.servers() <= 4);  // two bridges, the first port with its client, and the last
  client.abort();
  test::until(bench.loop, "it has left",
              [&] { return bench.daemon.find("main")->status().clients == 0; });
  REQUIRE(change_to(bench, next).has_value());
  CHECK(bench.daemon.servers() == 2);
}

TEST_CASE("reload: what a runtime is created with is for the one that is created next") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto next = daemon_config();
  next.bridges[0].runtime->create_config = R"({"profile":true})";
  REQUIRE(change_to(bench, next).has_value());
  check_works(bench, client);
  CHECK(bench.control("POST", "/bridges/main/stop").status == 200);
  bench.platform.delete_all();
  check_works(bench, join_main(bench));
  REQUIRE(bench.platform.created.size() == 2);
  CHECK(bench.platform.created[1].config_json == R"({"profile":true})");
}

TEST_CASE("reload: two bridges may swap their ports, and a new one take a third's") {
  DaemonBench bench;
  auto& client = join_main(bench);
  auto const ports = std::pair(DaemonBench::port_of(bench.daemon.bridges()[0].http),
                               DaemonBench::port_of(bench.daemon.bridges()[1].http));
  auto next = daemon_config();
  next.bridges[0].port = ports.second;
  next.bridges[1].port = ports.first;
  REQUIRE(change_to(bench, next).has_value());
  CHECK(DaemonBench::port_of(bench.daemon.bridges()[0].http) == ports.second);
  CHECK(DaemonBench::port_of(bench.daemon.bridges()[1].http) == ports.first);
  check_works(bench, client);
  next.bridges[1] = bridge_named("new");
  next.bridges[1].port = ports.first;
  REQUIRE(change_to(bench, next).has_value());
  check_works(bench, bench.join(ports.first, "/"));
  check_works(bench, client);
}

TEST_CASE("reload: where a new bridge cannot have its port, nothing has changed") {
  DaemonBench bench;
  auto& client = join_main(bench);
  Tcp::acceptor const taken(bench.loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto next = daemon_config();
  next.bridges.erase(next.bridges.begin());
  next.bridges.push_back(bridge_named("new"));
  next.bridges.back().port = taken.local_endpoint().port();
  auto const done = change_to(bench, next);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == "PORT_UNAVAILABLE");
  CHECK(done.error().message.starts_with("bridge new: "));
  CHECK(names(bench) == std::vector<std::string>{"main", "spare"});
  check_works(bench, client);
}

TEST_CASE("reload: a bridge whose port is taken meanwhile is left out or stays, and tried again") {
  DaemonBench bench;
  bench.platform.hold("stop");
  auto& client = join_main(bench);
  auto& moving = bench.join(DaemonBench::port_of(bench.daemon.bridges()[1].http), "/");
  auto const ports =
      std::pair(bench.bridge_port(), DaemonBench::port_of(bench.daemon.bridges()[1].http));
  auto next = daemon_config();
  next.bridges[0] = bridge_named("new");  // at the port of main, which goes
  next.bridges[0].port = ports.first;
  std::optional<FailureOr<config::Diff>> done;
  asio::co_spawn(bench.loop.io(), bench.daemon.change_to([next] { return next; }),
                 [&](std::exception_ptr, FailureOr<config::Diff> value) { done = value; });
  test::until(bench.loop, "main is stopped",
              [&] { return bench.platform.count("stop rt_1") == 1; });
  std::optional<Tcp::acceptor> taken(std::in_place, bench.loop.io());
  taken->open(Tcp::v4());
  taken->set_option(asio::socket_base::reuse_address(true));
  taken->bind({asio::ip::address_v4::loopback(), ports.first});
  taken->listen();
  bench.platform.release("stop");
  test::until(bench.loop, "it is done", [&] { return done.has_value(); });
  REQUIRE_FALSE(done->has_value());
  CHECK(done->error().code == "PORT_UNAVAILABLE");
  CHECK(done->error().message.ends_with("; bridge new is left out; all else has been done"));
  CHECK(client.ended());
  CHECK(names(bench) == std::vector<std::string>{"spare"});
  check_works(bench, moving);
  taken.reset();
  REQUIRE(change_to(bench, next).has_value());
  CHECK(names(bench) == std::vector<std::string>{"new", "spare"});
  check_works(bench, join_main(bench));
}

TEST_CASE("reload: a runtime that cannot be stopped when its bridge goes is tried again") {
  log::Capture log;
  DaemonBench bench;
  join_main(bench);
  bench.platform.fail_next("stop", 500, "api.error");
  auto next = daemon_config();
  next.bridges.erase(next.bridges.begin());
  REQUIRE(change_to(bench, next).has_value());
  CHECK(log.contains("main: runtime rt_1 MAY STILL RUN: [API_UNREACHABLE]"));
  auto const left = bench.control_json("GET", "/status").at("left");
  REQUIRE(left.size() == 1);
  CHECK(left[0].get<std::string>().starts_with("main: runtime rt_1 MAY STILL RUN: "));
  SUBCASE("until it is done") {
    test::until(bench.loop, "it is stopped",
                [&] { return log.contains("main: runtime rt_1 stopped"); });
    CHECK(bench.daemon.left_running().empty());
    CHECK(test::finish(bench.loop, bench.daemon.shut_down()) ==
          std::vector<std::string>{"spare: nothing to stop"});
  }
  SUBCASE("and once more when the daemon ends") {
    bench.platform.fail_next("stop", 500, "api.error");
    CHECK(test::finish(bench.loop, bench.daemon.shut_down())
              .back()
              .starts_with("main: runtime rt_1 MAY STILL RUN"));
  }
  SUBCASE("but not once it is in use again") {
    REQUIRE(change_to(bench, daemon_config()).has_value());
    check_works(bench, join_main(bench));
    auto const stops = bench.platform.count("stop rt_1");
    auto const begun = Clock::now();
    test::until(bench.loop, "it would have been tried", [&] { return Clock::now() - begun > 3s; });
    CHECK(bench.platform.count("stop rt_1") == stops);
    check_works(bench, bench.join(bench.bridge_port(), "/"));
  }
}

TEST_CASE("reload: on_exit is about the daemon's end, not about a bridge that is taken away") {
  auto config = daemon_config();
  config.bridges[0].on_exit = config::OnExit::keep;
  DaemonBench bench(config);
  join_main(bench);
  config.bridges.erase(config.bridges.begin());
  REQUIRE(change_to(bench, config).has_value());
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("reload: `resume` is a matter of the next connection") {
  auto config = daemon_config();
  config.bridges[0].resume = false;
  DaemonBench bench(config);
  auto& client = join_main(bench);
  config.bridges[0].resume = true;
  REQUIRE(change_to(bench, config).has_value());
  bench.upstream.drop();
  test::until(bench.loop, "it is closed", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::service_restart);
  auto& next = join_main(bench);
  bench.upstream.drop();
  test::until(bench.loop, "it is back", [&] { return bench.upstream.dials() == 3; });
  check_works(bench, next);
}

TEST_CASE("reload: who waits in line is let in when the bridge is shared again") {
  auto config = daemon_config();
  config.bridges[0].clients = config::Clients::exclusive;
  DaemonBench bench(config);
  auto& first = join_main(bench);
  auto& second = bench.clients.emplace_back(bench.loop);
  second.attach(bench.bridge_port(), "/");
  test::settle(bench.loop);
  CHECK(second.status == 0);
  config.bridges[0].clients = config::Clients::shared;
  REQUIRE(change_to(bench, config).has_value());
  test::until(bench.loop, "it is let in", [&] { return second.status == 101; });
  check_works(bench, first);
}

TEST_CASE("reload: `start: boot` wakes a bridge that sleeps") {
  DaemonBench bench;
  auto next = daemon_config();
  next.bridges[1].start = config::Start::boot;
  REQUIRE(change_to(bench, next).has_value());
  test::until(bench.loop, "it is awake",
              [&] { return bench.daemon.find("spare")->state() == BridgeState::live; });
}

TEST_CASE("reload: a drain that was asked for is not changed by the configuration") {
  DaemonBench bench;
  bench.daemon.end(60s);
  auto next = daemon_config();
  next.drain = 1s;
  REQUIRE(change_to(bench, next).has_value());
  CHECK(bench.daemon.drain() == 60s);
}

TEST_CASE("reload: what only a start can change stays, and is named every time") {
  DaemonBench bench;
  auto next = daemon_config();
  next.local.chromium = "/another/browser";
  next.service.port = 1;
  for (int round = 0; round < 2; ++round) {
    auto const done = change_to(bench, next);
    REQUIRE(done.has_value());
    CHECK(done->fixed == std::vector<std::string>{"local.chromium", "service.port"});
    CHECK(bench.daemon.config().service.port == 0);
  }
}

TEST_CASE("reload: one waits for the other, and the end for both") {
  DaemonBench bench;
  auto& client = join_main(bench);
  bench.platform.hold("stop");
  auto without_main = daemon_config();
  without_main.bridges.erase(without_main.bridges.begin());
  std::vector<std::string> order;
  auto const begin = [&](config::Config next, std::string name) {
    asio::co_spawn(bench.loop.io(), bench.daemon.change_to([next] { return next; }),
                   [&order, name](std::exception_ptr, FailureOr<config::Diff> done) {
                     order.push_back(name + (done ? "" : " " + done.error().code));
                   });
  };
  begin(without_main, "first");
  test::until(bench.loop, "it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
  begin(daemon_config(), "second");
  test::settle(bench.loop);
  CHECK(order.empty());
  CHECK(client.ended());
  SUBCASE("the second puts back what the first takes away") {
    bench.platform.release("stop");
    test::until(bench.loop, "both are done", [&] { return order.size() == 2; });
    CHECK(order == std::vector<std::string>{"first", "second"});
    CHECK(names(bench) == std::vector<std::string>{"main", "spare"});
    check_works(bench, join_main(bench));
  }
  SUBCASE("the daemon ends meanwhile") {
    std::optional<std::vector<std::string>> lines;
    asio::co_spawn(bench.loop.io(), bench.daemon.shut_down(),
                   [&](std::exception_ptr, std::vector<std::string> said) { lines = said; });
    test::settle(bench.loop);
    CHECK_FALSE(lines);
    bench.platform.release("stop");
    test::until(bench.loop, "it has ended", [&] { return lines.has_value(); });
    CHECK(order == std::vector<std::string>{"first STOPPING", "second STOPPING"});
    CHECK(*lines == std::vector<std::string>{"spare: nothing to stop"});
  }
}

TEST_CASE("reload: a bridge of a daemon without a backend cannot have a runtime") {
  net::Loop loop;
  test::TemporaryDirectory const directory;
  config::Config config;
  config.service.port = 0;
  auto& bridge = config.bridges.emplace_back();
  bridge.name = "main";
  bridge.port = 0;
  bridge.upstream = Secret("ws://127.0.0.1:1/");
  Daemon daemon(loop, config, {}, nullptr, {"none", "no backend", ""});
  REQUIRE(daemon.listen((directory.path() / "control.sock").string()).has_value());
  daemon.start();
  auto next = config;
  next.bridges.push_back(bridge_named("new"));
  auto const done = test::finish(loop, daemon.change_to([next] { return next; }));
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == "CONFIG_INVALID");
  CHECK(done.error().message.starts_with("bridge new has a runtime, "));
  CHECK(daemon.bridges().size() == 1);
  test::finish(loop, daemon.shut_down());
}

TEST_CASE("reload: over the control socket, with what it took") {
  DaemonBench bench;
  auto const refused = bench.control_json("POST", "/reload", 400);
  CHECK(refused.at("error").at("code") == "CONFIG_INVALID");
  CHECK(bench.control("GET", "/reload").status == 404);

  bench.daemon.reload_by([&] {
    auto next = daemon_config();
    next.bridges[0].limits.clients = 2;
    next.logging.level = LogLevel::warn;
    next.api.timeout = 1s;
    next.bridges.push_back(bridge_named("new"));
    return bench.daemon.change_to([next] { return next; });
  });
  auto const done = bench.control_json("POST", "/reload");
  json const bridges{{{"name", "main"}, {"change", "adjusted"}, {"keys", {"limits.clients"}}},
                     {{"name", "new"}, {"change", "added"}, {"keys", json::array()}}};
  CHECK(done.at("bridges") == bridges);
  CHECK(done.at("keys") == json{"log.level"});
  CHECK(done.at("atNextStart") == json{"api.timeout"});
  CHECK(bench.control_json("GET", "/bridges/new").at("state") == "cold");
}

TEST_CASE("reload: who waits for a bridge that goes is told so, on either port") {
  DaemonBench bench;
  bench.platform.hold("start");
  for (auto const& [port, path] :
       {std::pair(bench.bridge_port(), "/"), std::pair(bench.service_port(), "/b/main/")})
    bench.clients.emplace_back(bench.loop).attach(port, path);
  test::until(bench.loop, "the start is asked for",
              [&] { return bench.platform.count("start rt_1") == 1; });
  auto next = daemon_config();
  next.bridges.erase(next.bridges.begin());
  bool done = false;
  asio::co_spawn(bench.loop.io(), bench.daemon.change_to([next] { return next; }),
                 [&](std::exception_ptr, FailureOr<config::Diff> const&) { done = true; });
  test::settle(bench.loop);
  bench.platform.release("start");
  test::until(bench.loop, "it is done", [&] { return done; });
  for (auto& client : bench.clients) {
    test::until(bench.loop, "it is answered", [&] { return client.status != 0; });
    CHECK(client.status == 503);
    CHECK(
        client.refused.body.starts_with("bctrl-bridge: [STOPPING] the configuration has changed"));
  }
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("reload: another lease is given to a run that goes on, and is renewed as often") {
  auto config = daemon_config();
  config.bridges[0].lease = 120s;
  DaemonBench bench(config, true);
  auto& client = join_main(bench);
  auto const leases = [&](std::string_view seconds) {
    return bench.platform.count(fmt::format("idle rt_1 {}", seconds));
  };
  config.bridges[0].lease = 3s;
  auto const done = change_to(bench, config);
  REQUIRE(done.has_value());
  CHECK(done->bridges[0].change == Change::adjusted);
  test::until(bench.loop, "it is renewed", [&] { return leases("3") >= 3; });
  config.bridges[0].lease = 0s;
  REQUIRE(change_to(bench, config).has_value());
  test::until(bench.loop, "it has none", [&] { return leases("0") == 1; });
  auto const renewed = leases("3");
  auto const begun = Clock::now();
  test::until(bench.loop, "one would be due", [&] { return Clock::now() - begun > 1500ms; });
  CHECK(leases("3") == renewed);
  check_works(bench, client);
}

TEST_CASE("reload: leases of bridges that come are renewed, and of those that go are not") {
  auto config = daemon_config();
  for (auto& bridge : config.bridges) bridge.lease = 3s;
  DaemonBench bench(config, true);
  join_main(bench);
  config.bridges[0] = bridge_named("new");
  config.bridges[0].lease = 3s;
  REQUIRE(change_to(bench, config).has_value());
  auto const renewed = bench.platform.count("idle rt_1 3");
  check_works(bench, bench.join(bench.bridge_port(), "/"));
  test::until(bench.loop, "the new one's is renewed",
              [&] { return bench.platform.count("idle rt_2 3") >= 2; });
  CHECK(bench.platform.count("idle rt_1 3") == renewed);
}

TEST_CASE("reload: a bridge that comes back knows nothing of the run that it had") {
  auto config = daemon_config();
  DaemonBench bench(config, true);
  join_main(bench);
  REQUIRE(bench.record->holdings().of("main").run == RunId{"run_1"});
  auto without = config;
  without.bridges.erase(without.bridges.begin());
  REQUIRE(change_to(bench, without).has_value());
  CHECK(bench.record->holdings().of("main").run.empty());
  REQUIRE(change_to(bench, config).has_value());
  CHECK(bench.daemon.find("main")->state() == BridgeState::cold);
  check_works(bench, join_main(bench));
  CHECK(bench.record->holdings().of("main").run == RunId{"run_2"});
  CHECK(bench.record->holdings().of("main").port == bench.bridge_port());
}

TEST_CASE("reload: one that waits for its turn reads the configuration when it has come") {
  DaemonBench bench;
  bench.platform.hold("stop");
  join_main(bench);
  auto without_main = daemon_config();
  without_main.bridges.erase(without_main.bridges.begin());
  int done = 0;
  bool read = false;
  auto const count = [&done](std::exception_ptr, FailureOr<config::Diff> const&) { ++done; };
  asio::co_spawn(bench.loop.io(), bench.daemon.change_to([without_main] { return without_main; }),
                 count);
  test::until(bench.loop, "it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
  asio::co_spawn(bench.loop.io(), bench.daemon.change_to([&] {
    read = true;
    return bench.daemon.config();
  }),
                 count);
  test::settle(bench.loop);
  CHECK_FALSE(read);
  bench.platform.release("stop");
  test::until(bench.loop, "both are done", [&] { return done == 2; });
  CHECK(names(bench) == std::vector<std::string>{"spare"});
}

TEST_CASE("reload: a budget needs the books that the start could not open") {
  DaemonBench bench;
  auto next = daemon_config();
  next.bridges[0].budget.time = 1h;
  auto const done = change_to(bench, next);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == "CONFIG_INVALID");
  CHECK(done.error().message.starts_with("bridge main has a budget, "));
}
