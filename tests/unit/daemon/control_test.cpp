#include "daemon/control.hpp"

#include <unistd.h>

#include <regex>

#include "base/version.hpp"
#include "tests/unit/daemon/daemon_bench.hpp"

using namespace bridge;
using nlohmann::json;
using test::DaemonBench;

TEST_CASE("control: status names the daemon, its backend, its service and all bridges") {
  DaemonBench bench;
  auto const status = bench.control_json("GET", "/status");
  CHECK(status.at("version") == version());
  CHECK(status.at("pid") == ::getpid());
  CHECK(status.at("draining") == false);
  json const backend{
      {"kind", "local"}, {"description", "a fake"}, {"baseUrl", "http://127.0.0.1:1/v1"}};
  CHECK(status.at("backend") == backend);
  CHECK(status.at("service") == bench.daemon.service_address());
  REQUIRE(status.at("bridges").size() == 2);
  CHECK(status.at("bridges").at(1).at("name") == "spare");

  auto const& main = status.at("bridges").at(0);
  auto const listed = bench.daemon.bridges().at(0);
  CHECK(main.at("name") == "main");
  CHECK(main.at("state") == "cold");
  CHECK(main.at("http") == listed.http);
  CHECK(main.at("ws") == listed.ws);
  CHECK(listed.ws == "ws" + listed.http.substr(4) + listed.bridge->browser_path());
  CHECK(main.at("reason") == "");
  CHECK(main.at("runtimeId").is_null());
  CHECK(main.at("runId").is_null());
  CHECK(main.at("startedHere") == false);
  for (auto const* count :
       {"clients", "sessions", "pending", "targets", "commands", "replies", "events", "refused"})
    CHECK(main.at(count) == 0);
  CHECK_FALSE(main.contains("failure"));
  std::regex const rfc3339(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  CHECK(std::regex_match(main.at("since").get<std::string>(), rfc3339));
}

TEST_CASE("control: up wakes one bridge, status counts what goes on, stop ends it") {
  DaemonBench bench;
  bench.upstream.add_target("T1", "page", "one");
  auto const up = bench.control_json("POST", "/bridges/main/up");
  CHECK(up.at("state") == "live");
  CHECK(up.at("runtimeId") == "rt_1");
  CHECK(up.at("runId") == "run_1");
  CHECK(up.at("startedHere") == true);
  CHECK(up.at("targets") == 1);
  CHECK(bench.daemon.find("spare")->state() == BridgeState::cold);

  auto& client = bench.join(bench.bridge_port(), "/");
  client.send(R"({"id":1,"method":"Test.echo"})");
  client.send(R"({"id":2,"method":"Browser.crash"})");
  client.send(R"({"id":3,"method":"Test.never"})");
  test::until(bench.loop, "two are answered", [&] { return client.received.size() == 2; });
  test::until(bench.loop, "the third is on its way",
              [&] { return bench.upstream.count("Test.never") == 1; });
  auto const now = bench.control_json("GET", "/bridges/main");
  CHECK(now.at("clients") == 1);
  CHECK(now.at("sessions") == 1);
  CHECK(now.at("pending") == 1);
  CHECK(now.at("commands") == 2);
  CHECK(now.at("replies") == 1);
  CHECK(now.at("refused") == 1);

  auto const stopped = bench.control_json("POST", "/bridges/main/stop");
  CHECK(stopped.at("state") == "cold");
  CHECK(stopped.at("runId").is_null());
  CHECK(stopped.at("clients") == 0);
  CHECK(bench.platform.count("stop rt_1") == 1);
}

TEST_CASE("control: a failed up answers the failure with way out and request") {
  DaemonBench bench;
  bench.platform.fail_next("list", 401, "auth.invalid_key");
  auto const answer = bench.control_json("POST", "/bridges/main/up", 503);
  auto const& error = answer.at("error");
  CHECK(error.at("code") == "AUTH");
  CHECK(error.at("message") == "look for the runtime: 401 auth.invalid_key: the fake says no");
  CHECK(error.at("wayOut") == find_failure("AUTH")->way_out);
  CHECK(error.at("requestId") == "req_7");
  CHECK(bench.control_json("GET", "/bridges/main").at("failure") == error);
}

TEST_CASE("control: unknown bridges, paths and verbs are errors with a code") {
  DaemonBench bench;
  struct Row {
    char const* method;
    std::string path;
    unsigned status;
    char const* code;
  };
  for (auto const& row : {
           Row{"GET", "/bridges/none", 404, "NO_SUCH_BRIDGE"},
           Row{"POST", "/bridges/none/up", 404, "NO_SUCH_BRIDGE"},
           Row{"GET", "/bridges/a%20b%2Fup", 404, "NO_SUCH_BRIDGE"},
           Row{"GET", "/bridges/", 404, "NO_SUCH_BRIDGE"},
           Row{"GET", "/", 404, "NOT_FOUND"},
           Row{"POST", "/status", 404, "NOT_FOUND"},
           Row{"GET", "/bridges/main/up", 405, "NOT_FOUND"},
           Row{"POST", "/bridges/main", 405, "NOT_FOUND"},
           Row{"POST", "/bridges/main/dance", 405, "NOT_FOUND"},
       }) {
    CAPTURE(row.path);
    auto const error = bench.control_json(row.method, row.path, row.status).at("error");
    CHECK(error.at("code") == row.code);
    CHECK_FALSE(error.at("message").get<std::string>().empty());
    CHECK_FALSE(error.at("wayOut").get<std::string>().empty());
  }
  CHECK(bench.platform.calls.empty());
}

TEST_CASE("control: a name is percent-encoded on its way") {
  DaemonBench bench;
  CHECK(bench.control_json("GET", "/bridges/m%61in").at("name") == "main");
  CHECK(bench.control_json("GET", "/bridges/a%20b", 404).at("error").at("message") ==
        "no bridge is named \"a b\"");
}

TEST_CASE("control: bytes that are no UTF-8 do not break the status") {
  DaemonBench bench;
  bench.platform.fail_next("list", 500, "api.error \xff");
  CHECK(bench.control("POST", "/bridges/main/up").status == 503);
  CHECK(bench.control_json("GET", "/status").at("bridges").size() == 2);
}
