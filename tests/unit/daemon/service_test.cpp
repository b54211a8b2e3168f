#include "daemon/service.hpp"

#include <fmt/format.h>

#include "tests/unit/daemon/daemon_bench.hpp"

using namespace bridge;
using nlohmann::json;

namespace {

struct Bench : test::DaemonBench {
  net::HttpReply get(std::string_view target) {
    return test::ask(loop, service_port(), "GET", target);
  }
};

}  // namespace

TEST_CASE("service: health routes answer in a word") {
  Bench bench;
  for (std::string const target : {"/livez", "/healthz", "/readyz", "/readyz?verbose"}) {
    CAPTURE(target);
    auto const reply = bench.get(target);
    CHECK(reply.status == 200);
    CHECK(reply.body == "ok\n");
  }
  CHECK(bench.get("/").status == 404);
  CHECK(bench.get("/livez/").status == 404);
}

TEST_CASE("service: a draining daemon is alive but not ready") {
  Bench bench;
  bench.join(bench.bridge_port(), "/");
  bench.platform.hold("stop");
  bool down = false;
  asio::co_spawn(bench.loop.io(), bench.daemon.shut_down(),
                 [&](std::exception_ptr, std::vector<std::string> const&) { down = true; });
  test::until(bench.loop, "the stop is asked for",
              [&] { return bench.platform.count("stop rt_1") == 1; });
  CHECK(bench.get("/livez").status == 200);
  auto const ready = bench.get("/readyz");
  CHECK(ready.status == 503);
  CHECK(ready.body == "draining\n");
  auto const refused = test::ask_raw(bench.loop, bench.service_port(),
                                     test::handshake(bench.service_port(), "/b/main"));
  CHECK(refused.status == 503);
  CHECK(refused.body.starts_with("bctrl-bridge: [STOPPING] "));
  bench.platform.release("stop");
  test::until(bench.loop, "it is down", [&] { return down; });
}

TEST_CASE("service: a bridge below /b/<name> names its addresses with that prefix") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  bench.control_json("POST", "/bridges/main/up");
  auto const here = fmt::format("ws://127.0.0.1:{}/b/main", bench.service_port());
  auto const version = json::parse(bench.get("/b/main/json/version").body);
  CHECK(version.at("webSocketDebuggerUrl") == here + bench.daemon.find("main")->browser_path());
  auto const list = json::parse(bench.get("/b/main/json").body);
  CHECK(list.at(0).at("webSocketDebuggerUrl") == here + "/devtools/page/T1");
  CHECK(bench.get("/b/main").status == 200);
  CHECK(bench.get("/b/main/").status == 200);
}

TEST_CASE("service: clients attach below the prefix") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  bench.join(bench.service_port(), "/b/main");
  bench.join(bench.service_port(), "/b/main/");
  bench.join(bench.service_port(), "/b/main/devtools/page/T1");
  bench.join(bench.service_port(), "/b/main" + bench.daemon.find("main")->browser_path());
  CHECK(bench.daemon.find("main")->status().clients == 4);
  CHECK(bench.daemon.find("spare")->state() == BridgeState::cold);
}

TEST_CASE("service: an unknown bridge is not found, and no prefix of a name is the name") {
  Bench bench;
  for (std::string const target : {"/b/none/json", "/b/mai/json", "/b/mainx/json", "/b/", "/b"}) {
    CAPTURE(target);
    CHECK(bench.get(target).status == 404);
  }
}

TEST_CASE("service: a foreign Host is refused on every route") {
  Bench bench;
  for (std::string const target : {"/livez", "/nope", "/b/main/json", "/b/none"}) {
    CAPTURE(target);
    auto const request = fmt::format("GET {} HTTP/1.1\r\nHost: evil.com\r\n\r\n", target);
    CHECK(test::ask_raw(bench.loop, bench.service_port(), request).status == 500);
  }
}
