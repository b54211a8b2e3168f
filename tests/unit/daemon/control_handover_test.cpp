#include "tests/unit/daemon/daemon_bench.hpp"

// What the control socket can say of who drives.

using namespace bridge;
using nlohmann::json;
using test::DaemonBench;
using test::kAnswer;
using test::kAsk;

namespace {

json parsed(net::HttpReply const& reply) {
  return json::parse(reply.body);
}

}  // namespace

TEST_CASE("control: an invocation has the runtime to itself, and clients go on afterwards") {
  DaemonBench bench;
  auto& client = bench.join(bench.bridge_port(), "/devtools/browser");
  std::size_t connected = 99;
  bench.platform.on_invocation = [&] {
    connected = bench.upstream.connections();
    client.send(kAsk);
  };
  // The platform may notice later than we that we have let go.
  bench.platform.fail_next("invoke", 409, "runtime.controller_busy");
  auto const body = R"({"action":"act","instruction":"x"})";
  auto const reply = bench.control("POST", "/bridges/main/invoke", body);
  CHECK(reply.status == 200);
  auto const ended = parsed(reply);
  CHECK(ended.at("id") == "inv_1");
  CHECK(ended.at("status") == "succeeded");
  CHECK(ended.at("runtimeId") == "rt_1");
  CHECK(bench.platform.invocation_bodies == std::vector<std::string>{body});
  CHECK(bench.platform.count("invoke rt_1") == 2);
  CHECK(connected == 0);
  test::until(bench.loop, "the client is answered", [&] { return client.got(kAnswer); });
  CHECK_FALSE(client.ended());
  CHECK(bench.upstream.dials() == 2);
}

TEST_CASE("control: an invocation that cannot begin gives the runtime back") {
  DaemonBench bench;
  auto& client = bench.join(bench.bridge_port(), "/devtools/browser");
  bench.platform.fail_next("invoke", 400, "request.invalid");
  auto const reply = bench.control("POST", "/bridges/main/invoke", "{}");
  CHECK(reply.status == 400);
  CHECK(parsed(reply).at("error").at("code") == "REFUSED");
  CHECK(parsed(reply).at("error").at("message").get<std::string>().find("begin the invocation") !=
        std::string::npos);
  client.send(kAsk);
  test::until(bench.loop, "the client is answered", [&] { return client.got(kAnswer); });
}

TEST_CASE("control: an invocation nobody waits for any more is cancelled") {
  DaemonBench bench;
  auto& client = bench.join(bench.bridge_port(), "/devtools/browser");
  bench.platform.invocation_end.clear();
  {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/bridges/main/invoke";
    request.body = R"({"action":"act"})";
    net::Tasks asking(bench.loop.executor());
    auto ask = [&bench](net::HttpRequest sent) -> awaitable<void> {
      (void)co_await net::request_unix(bench.loop, bench.socket(), std::move(sent), 30s);
    };
    asking.spawn("ask", ask(std::move(request)));
    test::until(bench.loop, "it has begun",
                [&] { return bench.platform.count("wait inv_1") == 1; });
    asking.stop();
    test::until(bench.loop, "who asked has gone", [&] { return asking.empty(); });
  }
  test::until(bench.loop, "it is cancelled",
              [&] { return bench.platform.count("cancel inv_1") == 1; });
  client.send(kAsk);
  test::until(bench.loop, "the client is answered", [&] { return client.got(kAnswer); });
}

TEST_CASE("control: a person is asked while nobody else drives") {
  DaemonBench bench;
  bench.join(bench.bridge_port(), "/devtools/browser");
  std::size_t connected = 99;
  bench.platform.on_invocation = [&] { connected = bench.upstream.connections(); };
  bench.platform.fail_next("ask", 409, "runtime.controller_busy");
  auto const reply = bench.control("POST", "/bridges/main/human", R"({"message":"log in"})");
  CHECK(parsed(reply).at("status") == "completed");
  CHECK(connected == 0);
  CHECK(bench.platform.count("ask log in") == 2);
  CHECK(bench.platform.count("await rt_1") == 1);
  test::until(bench.loop, "we drive again",
              [&] { return bench.daemon.find("main")->state() == BridgeState::live; });
}

TEST_CASE("control: release, who drives since when, acquire") {
  DaemonBench bench;
  bench.join(bench.bridge_port(), "/devtools/browser");
  auto const ours = bench.control_json("GET", "/bridges/main").at("controller");
  CHECK(ours.at("holder") == "bridge");
  CHECK(bench.control_json("GET", "/bridges/spare").at("controller").is_null());
  auto const released =
      parsed(bench.control("POST", "/bridges/main/release", R"({"forSeconds":60})"));
  CHECK(released.at("state") == "released");
  auto const& theirs = released.at("controller");
  CHECK(theirs.at("holder") == "released by the user");
  CHECK(theirs.at("since").get<std::string>() < theirs.at("until").get<std::string>());
  CHECK(bench.control_json("POST", "/bridges/main/acquire").at("name") == "main");
  test::until(bench.loop, "we drive again",
              [&] { return bench.daemon.find("main")->state() == BridgeState::live; });
}

TEST_CASE("control: a shutdown is wanted") {
  DaemonBench bench;
  CHECK(bench.daemon.drain() == 5s);
  CHECK(bench.control("POST", "/shutdown", R"({"drainSeconds":30})").status == 200);
  CHECK(bench.daemon.drain() == 30s);
  test::finish(bench.loop, bench.daemon.end_wanted());
}

TEST_CASE("drain: commands under way finish, new ones do not begin, then everybody is sent away") {
  DaemonBench bench;
  auto& client = bench.join(bench.bridge_port(), "/devtools/browser");
  bench.upstream.hold_attach = true;
  client.send(R"({"id":1,"method":"Target.attachToBrowserTarget"})");
  test::until(bench.loop, "it is on its way",
              [&] { return bench.upstream.count("Target.attachToBrowserTarget") == 2; });
  std::optional<std::vector<std::string>> lines;
  asio::co_spawn(bench.loop.io(), bench.daemon.shut_down(),
                 [&lines](std::exception_ptr, std::vector<std::string> said) { lines = said; });
  test::settle(bench.loop);
  client.send(kAsk);
  test::settle(bench.loop);
  CHECK_FALSE(lines);
  CHECK(bench.upstream.count("Test.echo") == 0);
  bench.upstream.release_attaches();
  test::until(bench.loop, "it has ended", [&] { return lines.has_value(); });
  test::until(bench.loop, "the client is closed", [&] { return client.ended(); });
  REQUIRE(client.received.size() >= 2);
  CHECK(client.received.back().starts_with(R"({"id":5,"error":)"));
  CHECK(client.closed.code == net::ws_code::going_away);
  CHECK(lines->at(0) == "main: runtime rt_1 stopped");
}

TEST_CASE("exclusive: one client at a time, the others in the order of their coming") {
  auto config = test::daemon_config();
  config.bridges[0].clients = config::Clients::exclusive;
  config.bridges[0].attach_timeout = 300ms;
  DaemonBench bench(config);
  auto& first = bench.join(bench.bridge_port(), "/devtools/browser");
  auto& second = bench.clients.emplace_back(bench.loop);
  second.attach(bench.bridge_port(), "/devtools/browser");
  test::settle(bench.loop);
  auto& third = bench.clients.emplace_back(bench.loop);
  third.attach(bench.bridge_port(), "/devtools/browser");
  test::settle(bench.loop);
  CHECK(second.status == 0);
  first.close();
  test::until(bench.loop, "the second is in", [&] { return second.joined(); });
  test::until(bench.loop, "the third waits in vain", [&] { return third.status != 0; });
  CHECK(third.refused.status == 503);
  CHECK(third.refused.body.find("[EXCLUSIVE] another client has the bridge to itself") !=
        std::string::npos);
}
