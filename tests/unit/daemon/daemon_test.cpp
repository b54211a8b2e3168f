#include "daemon/daemon.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/daemon/daemon_bench.hpp"

using namespace bridge;
using nlohmann::json;
using test::daemon_config;
using test::DaemonBench;

namespace {

bool connects(net::Loop& loop, char const* address, std::uint16_t port) {
  Tcp::socket socket(loop.io());
  error_code ec;
  socket.connect(Tcp::endpoint(asio::ip::make_address(address), port), ec);
  return !ec;
}

bool has_ipv6(net::Loop& loop) {
  error_code ec;
  Tcp::acceptor probe(loop.io());
  probe.open(Tcp::v6(), ec);
  if (!ec) probe.bind(Tcp::endpoint(asio::ip::address_v6::loopback(), 0), ec);
  return !ec;
}

/// What a daemon says that cannot have port `taken`.
std::string refusal_to_listen(config::Config const& config) {
  net::Loop loop;
  test::TemporaryDirectory const directory;
  test::FakePlatform platform(loop);
  Daemon daemon(loop, config, {}, &platform, DaemonBench::info());
  auto const bound = daemon.listen((directory.path() / "control.sock").string());
  REQUIRE(!bound);
  CHECK(bound.error().code == asio::error::address_in_use);
  return bound.error().text();
}

}  // namespace

TEST_CASE("daemon: every port is open on both loopback families") {
  DaemonBench bench;
  for (auto const port : {bench.service_port(), bench.bridge_port()}) {
    CAPTURE(port);
    CHECK(connects(bench.loop, "127.0.0.1", port));
    if (has_ipv6(bench.loop)) CHECK(connects(bench.loop, "::1", port));
  }
}

TEST_CASE("daemon: the control socket is for its user only, and goes with the daemon") {
  std::string socket;
  {
    DaemonBench bench;
    socket = bench.socket();
    struct stat found {};
    REQUIRE(::stat(socket.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
    test::finish(bench.loop, bench.end());
    CHECK_FALSE(std::filesystem::exists(socket));
  }
}

TEST_CASE("daemon: a port in use is an error that names who wants it and who has it") {
  net::Loop loop;
  auto const owner = std::string("(taken by this daemon)");
  auto config = daemon_config();
  auto take = [&](char const* address) {
    Tcp::acceptor taken(loop.io(), Tcp::endpoint(asio::ip::make_address(address), 0));
    return taken;
  };
  SUBCASE("a bridge's") {
    auto const taken = take("127.0.0.1");
    auto const port = taken.local_endpoint().port();
    config.bridges[1].port = port;
    CHECK(refusal_to_listen(config) ==
          fmt::format("bridge spare: listen on 127.0.0.1:{} {}: Address already in use", port,
                      owner));
  }
  SUBCASE("the service's") {
    auto const taken = take("127.0.0.1");
    auto const port = taken.local_endpoint().port();
    config.service.port = port;
    CHECK(refusal_to_listen(config).starts_with(
        fmt::format("service port: listen on 127.0.0.1:{} {}", port, owner)));
  }
  SUBCASE("taken on one family only: Chrome would answer there in our place") {
    if (!has_ipv6(loop)) return;
    auto const taken = take("::1");
    auto const port = taken.local_endpoint().port();
    config.bridges[0].port = port;
    CHECK(refusal_to_listen(config).starts_with(
        fmt::format("bridge main: listen on [::1]:{} {}", port, owner)));
  }
}

TEST_CASE("daemon: a second daemon on the same control socket is refused") {
  DaemonBench bench;
  auto const config = daemon_config();
  Daemon second(bench.loop, config, {}, &bench.platform, DaemonBench::info());
  auto const bound = second.listen(bench.socket());
  REQUIRE(!bound);
  CHECK(bound.error().code == asio::error::address_in_use);
}

TEST_CASE("daemon: bridges with start: boot wake at once, the others do not") {
  auto config = daemon_config();
  config.bridges[0].start = config::Start::boot;
  DaemonBench bench(config);
  test::until(bench.loop, "main is live",
              [&] { return bench.daemon.find("main")->state() == BridgeState::live; });
  CHECK(bench.daemon.find("spare")->state() == BridgeState::cold);
}

TEST_CASE("daemon: a boot that fails leaves the daemon up") {
  auto config = daemon_config();
  config.bridges[0].start = config::Start::boot;
  DaemonBench bench(config);
  bench.platform.fail_next("list", 0, "network.error");
  test::until(bench.loop, "it failed",
              [&] { return bench.daemon.find("main")->status().last_failure.has_value(); });
  bench.join(bench.bridge_port(), "/");
}

TEST_CASE("daemon: shut down says for each bridge what became of its runtime") {
  DaemonBench bench;
  auto& client = bench.join(bench.bridge_port(), "/");
  auto const port = bench.bridge_port();
  auto const lines = test::finish(bench.loop, bench.daemon.shut_down());
  CHECK(lines == std::vector<std::string>{"main: runtime rt_1 stopped", "spare: nothing to stop"});
  test::until(bench.loop, "the client is told", [&] { return client.ended(); });
  CHECK(client.closed.code == net::ws_code::going_away);
  CHECK(bench.daemon.draining());
  CHECK_FALSE(connects(bench.loop, "127.0.0.1", port));
}

TEST_CASE("daemon: the locator says pid, service and where each bridge listens") {
  DaemonBench bench;
  auto const content = json::parse(bench.daemon.locator_json());
  CHECK(content.at("pid") == ::getpid());
  CHECK(content.at("service") == bench.daemon.service_address());
  REQUIRE(content.at("bridges").size() == 2);
  auto const listed = bench.daemon.bridges().at(0);
  json const main{{"name", "main"}, {"http", listed.http}, {"ws", listed.ws}};
  CHECK(content.at("bridges").at(0) == main);
}
