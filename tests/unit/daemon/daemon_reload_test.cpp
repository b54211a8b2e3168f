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
  return test::finish(bench.loop, bench.daemon.change_to(std::move(next)));
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
  auto fixed = daemon_config();
  fixed.bridges[0].port = port;  // what is written down is another port than "any"
  REQUIRE(change_to(bench, fixed).has_value());
  test::until(bench.loop, "it is sent away", [&] { return client.ended(); });
  auto next = fixed;
  next.bridges[0].runtime->name = "another";
  auto& again = bench.join(port, "/");
  auto const done = change_to(bench, next);
  REQUIRE(done.has_value());
  CHECK(done->bridges[0].change == Change::replaced);
  test::until(bench.loop, "it is sent away", [&] { return again.ended(); });
  CHECK(bench.bridge_port() == port);
  check_works(bench, bench.join(port, "/"));
  CHECK(bench.daemon.find("main")->status().runtime != RuntimeId{"rt_1"});
}

TEST_CASE("reload: two bridges may swap their ports") {
  DaemonBench bench;
  auto const ports = std::pair(DaemonBench::port_of(bench.daemon.bridges()[0].http),
                               DaemonBench::port_of(bench.daemon.bridges()[1].http));
  auto next = daemon_config();
  next.bridges[0].port = ports.second;
  next.bridges[1].port = ports.first;
  REQUIRE(change_to(bench, next).has_value());
  CHECK(DaemonBench::port_of(bench.daemon.bridges()[0].http) == ports.second);
  CHECK(DaemonBench::port_of(bench.daemon.bridges()[1].http) == ports.first);
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

TEST_CASE("reload: a bridge whose new port is taken is gone, is named, and is tried again") {
  DaemonBench bench;
  std::optional<Tcp::acceptor> taken(std::in_place, bench.loop.io(),
                                     Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto next = daemon_config();
  next.bridges[0].port = taken->local_endpoint().port();
  next.bridges[1].limits.clients = 1;
  auto done = change_to(bench, next);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == "PORT_UNAVAILABLE");
  CHECK(done.error().message.ends_with("; the bridge is gone, all else has been done"));
  CHECK(names(bench) == std::vector<std::string>{"spare"});
  CHECK(bench.daemon.find("spare")->config().limits.clients == 1);
  taken.reset();
  done = change_to(bench, next);
  REQUIRE(done.has_value());
  CHECK(names(bench) == std::vector<std::string>{"main", "spare"});
  check_works(bench, join_main(bench));
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
    asio::co_spawn(bench.loop.io(), bench.daemon.change_to(std::move(next)),
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
    CHECK(order == std::vector<std::string>{"first", "second STOPPING"});
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
  auto const done = test::finish(loop, daemon.change_to(next));
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
    return bench.daemon.change_to(std::move(next));
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
  std::list<test::CdpClient> waiting;
  for (auto const& [port, path] :
       {std::pair(bench.bridge_port(), "/"), std::pair(bench.service_port(), "/b/main/")})
    waiting.emplace_back(bench.loop).attach(port, path);
  test::until(bench.loop, "the start is asked for",
              [&] { return bench.platform.count("start rt_1") == 1; });
  auto next = daemon_config();
  next.bridges.erase(next.bridges.begin());
  bool done = false;
  asio::co_spawn(bench.loop.io(), bench.daemon.change_to(next),
                 [&](std::exception_ptr, FailureOr<config::Diff> const&) { done = true; });
  test::settle(bench.loop);
  bench.platform.release("start");
  test::until(bench.loop, "it is done", [&] { return done; });
  for (auto& client : waiting) {
    test::until(bench.loop, "it is answered", [&] { return client.status != 0; });
    CHECK(client.status == 503);
    CHECK(
        client.refused.body.starts_with("bctrl-bridge: [STOPPING] the configuration has changed"));
  }
  CHECK(bench.platform.count("stop rt_1") == 1);
  for (auto& client : waiting) client.abort();
}
