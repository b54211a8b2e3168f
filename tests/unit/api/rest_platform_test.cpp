#include "api/rest_platform.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "api/pages.hpp"
#include "base/log.hpp"
#include "tests/fakes/http_script.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::api;
using test::HttpScript;

namespace {

constexpr auto kKey = "bctrl_canary_key_0123456789";
constexpr auto kNow = "Retry-After: 0\r\n";  // keeps retries from waiting
constexpr auto kRuntime = R"({"id":"rt_1","name":"main","status":"stopped"})";
constexpr auto kStarted = R"({"runtimeId":"rt_1","runId":"run_1","status":"active",
  "connectUrl":"wss://cdp.example/canary_path?token=canary_token_1","protocol":"cdp",
  "started":true})";
constexpr auto kBusy = R"({"error":"an invocation drives it","code":"runtime.controller_busy"})";

RestOptions options_for(std::string base_url) {
  RestOptions options;
  options.base_url = std::move(base_url);
  options.key = Secret(kKey);
  return options;
}

/// A platform beside a scripted server.
struct Bench {
  net::Loop loop;
  HttpScript server{loop};
  std::unique_ptr<RestPlatform> platform;

  explicit Bench(Duration timeout = 10s) {
    auto options = options_for(server.url());
    options.timeout = timeout;
    options.start_timeout = timeout;
    platform = RestPlatform::make(loop, net::Reach{}, std::move(options)).value();
  }
  ~Bench() {
    platform.reset();
    test::run(loop, server.stop());
  }

  template <class T>
  ApiResult<T> get(awaitable<ApiResult<T>> call) {
    ApiResult<T> out = ApiError();
    auto body = [&]() -> awaitable<void> { out = co_await std::move(call); };
    test::drive(loop, body());
    return out;
  }
  std::string line(std::size_t at) const { return server.seen().at(at).line(); }
};

std::string refusal(std::string const& base_url, char const* key) {
  net::Loop loop;
  auto options = options_for(base_url);
  options.key = Secret(key);
  auto const made = RestPlatform::make(loop, net::Reach{}, std::move(options));
  return made ? "made" : made.error().text();
}

}  // namespace

TEST_CASE("rest: every request carries the key, who we are and what we take") {
  Bench bench;
  bench.server.json(200, R"({"keyId":"k_1","scope":"organization","organizationId":"o_1"})");
  auto const who = bench.get(bench.platform->whoami());
  REQUIRE(who.has_value());
  CHECK(who->key_id == "k_1");
  auto const& seen = bench.server.seen().at(0);
  CHECK(seen.line() == "GET /v1/auth/whoami HTTP/1.1");
  CHECK(seen.has(std::string("\r\nAuthorization: Bearer ") + kKey + "\r\n"));
  CHECK(seen.has("\r\nUser-Agent: bctrl-bridge/"));
  CHECK(seen.has("\r\nAccept: application/json\r\n"));
  CHECK(!seen.has("Content-Type"));
}

TEST_CASE("rest: the base URL is read as BCTRL's SDKs read it") {
  struct Row {
    char const* path;
    char const* asked;
  };
  Row const rows[] = {{"", "/v1/runs/run_1"},
                      {"/", "/v1/runs/run_1"},
                      {"/v1", "/v1/runs/run_1"},
                      {"/v1///", "/v1/runs/run_1"},
                      {"/gate/bctrl", "/gate/bctrl/v1/runs/run_1"}};
  for (auto const& row : rows) {
    net::Loop loop;
    HttpScript server(loop);
    server.json(200, R"({"id":"run_1"})");
    auto options = options_for("  " + server.url(row.path) + " \n");
    auto platform = RestPlatform::make(loop, net::Reach{}, std::move(options)).value();
    auto body = [&]() -> awaitable<void> {
      RunId const id{"run_1"};
      auto const run = co_await platform->get_run(id);
      CHECK(run.has_value());
      platform.reset();
      co_await server.stop();
    };
    test::run(loop, body());
    CHECK(server.seen().at(0).line() == std::string("GET ") + row.asked + " HTTP/1.1");
  }
}

TEST_CASE("rest: an address or key that must not be used is refused at once") {
  CHECK(refusal("https://api.bctrl.ai/v1", kKey) == "made");
  CHECK(refusal("http://127.0.0.1:8787", "local_abc") == "made");
  CHECK(refusal("http://localhost:8787", "local_abc") == "made");
  CHECK(refusal("https://api.bctrl.ai/v1", "local_abc") ==
        "a local_ key is for the local backend, not for https://api.bctrl.ai:443: refused");
  CHECK(refusal("ws://127.0.0.1/", kKey).find("base_url") == 0);
  CHECK(refusal("nonsense", kKey).find("base_url") == 0);
  CHECK(refusal("https://api.bctrl.ai/v1?x=1", kKey).find("base_url") == 0);
  for (auto const* key : {"", "bctrl_secret\n", "bctrl_se cret", "bctrl_\xc3\xa9"}) {
    auto const text = refusal("https://api.bctrl.ai/v1", key);
    CHECK(text.find("the API key") == 0);
    CHECK(text.find("secret") == std::string::npos);
  }
}

TEST_CASE("rest: ids are one path segment, queries repeat lists and leave out what is empty") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.server.json(200, R"({"data":[],"nextCursor":null})");
  bench.server.json(200, kRuntime);
  RuntimeQuery query;
  query.space = SpaceId{"default"};
  query.status = {"active", "failed"};
  query.cursor = "a+/=";
  query.limit = 50;
  CHECK(bench.get(bench.platform->list_runtimes(query)).has_value());
  CHECK(bench.get(bench.platform->list_runtimes({})).has_value());
  EventQuery events;
  events.run = RunId{"run_1"};
  events.type = {"page.error"};
  CHECK(bench.get(bench.platform->list_events(events)).has_value());
  CHECK(
      bench.get(bench.platform->get_runtime(RuntimeId{"a/../b?c"}, Connection::as_is)).has_value());
  CHECK(bench.line(0) ==
        "GET /v1/runtimes?spaceId=default&status=active&status=failed&limit=50&"
        "cursor=a%2B%2F%3D HTTP/1.1");
  CHECK(bench.line(1) == "GET /v1/runtimes HTTP/1.1");
  CHECK(bench.line(2) == "GET /v1/runs/run_1/events?type=page.error HTTP/1.1");
  CHECK(bench.line(3) == "GET /v1/runtimes/a%2F..%2Fb%3Fc HTTP/1.1");
}

TEST_CASE("rest: create, update and delete send what the contract wants") {
  Bench bench;
  bench.server.json(201, kRuntime).json(200, kRuntime).json(200, R"({"id":"rt_1","deleted":true})");
  bench.server.json(201, R"({"id":"sp_1","name":"s"})").json(200, R"({"id":"sp_1"})");
  RuntimeCreate create;
  create.name = "main";
  create.config_json = R"({"profile":true})";
  CHECK(bench.get(bench.platform->create_runtime(create))->id == RuntimeId{"rt_1"});
  RuntimeUpdate update;
  update.idle_timeout = std::chrono::seconds(60);
  CHECK(bench.get(bench.platform->update_runtime(RuntimeId{"rt_1"}, update)).has_value());
  CHECK(bench.get(bench.platform->delete_runtime(RuntimeId{"rt_1"})).has_value());
  CHECK(bench.get(bench.platform->create_space("s"))->id == SpaceId{"sp_1"});
  CHECK(bench.get(bench.platform->get_space(SpaceId{"sp_1"})).has_value());
  CHECK(bench.line(0) == "POST /v1/runtimes HTTP/1.1");
  CHECK(bench.server.seen()[0].body == R"({"name":"main","config":{"profile":true}})");
  CHECK(bench.server.seen()[0].has("\r\nContent-Type: application/json\r\n"));
  CHECK(bench.line(1) == "PATCH /v1/runtimes/rt_1 HTTP/1.1");
  CHECK(bench.server.seen()[1].body == R"({"idleTimeoutSeconds":60})");
  CHECK(bench.line(2) == "DELETE /v1/runtimes/rt_1 HTTP/1.1");
  CHECK(bench.line(3) == "POST /v1/spaces HTTP/1.1");
  CHECK(bench.line(4) == "GET /v1/spaces/sp_1 HTTP/1.1");
}

TEST_CASE("rest: a start brings the URL and keeps its idempotency key over retries") {
  Bench bench;
  bench.server.json(503, "{}", kNow).json(429, "{}", kNow).json(200, kStarted);
  auto const start = bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "key-1"));
  REQUIRE(start.has_value());
  CHECK(start->runtime == RuntimeId{"rt_1"});
  CHECK(start->run == RunId{"run_1"});
  CHECK(start->connect_url.reveal() == "wss://cdp.example/canary_path?token=canary_token_1");
  CHECK(start->started);
  REQUIRE(bench.server.seen().size() == 3);
  for (auto const& seen : bench.server.seen()) {
    CHECK(seen.line() == "POST /v1/runtimes/rt_1/start HTTP/1.1");
    CHECK(seen.has("\r\nIdempotency-Key: key-1\r\n"));
    CHECK(seen.has("\r\nContent-Length: 0\r\n"));
    CHECK(seen.body.empty());
  }
}

TEST_CASE("rest: what may have happened already is not sent twice") {
  Bench bench;
  bench.server.json(503, "{}", kNow).raw_then_close().json(503, "{}", kNow);
  CHECK(bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "")).error().status == 503);
  CHECK(bench.get(bench.platform->stop_runtime(RuntimeId{"rt_1"})).error().is_transport());
  CHECK(bench.get(bench.platform->delete_runtime(RuntimeId{"rt_1"})).error().status == 503);
  CHECK(bench.server.seen().size() == 3);
}

TEST_CASE("rest: a read is tried three times, a final answer once") {
  Bench bench;
  bench.server.json(500, "{}", kNow).json(408, "{}", kNow).json(502, "down", kNow);
  auto const down = bench.get(bench.platform->whoami());
  REQUIRE(!down.has_value());
  CHECK(down.error().text() == "502 api.error: down");
  CHECK(bench.server.seen().size() == 3);
  bench.server.json(401, R"({"error":"no such key","code":"auth.required"})", kNow);
  CHECK(bench.get(bench.platform->whoami()).error().is_auth());
  CHECK(bench.server.seen().size() == 4);
}

TEST_CASE("rest: a broken connection is tried again after our own wait") {
  Bench bench;
  bench.server.raw_then_close().json(200, "{}");
  CHECK(bench.get(bench.platform->whoami()).has_value());
  CHECK(bench.server.seen().size() == 2);
}

TEST_CASE("rest: a wait that is longer than the deadline is not begun") {
  Bench bench;
  bench.server.json(429, "{}", "Retry-After: 3600\r\n");
  auto const error = bench.get(bench.platform->whoami()).error();
  CHECK(error.status == 429);
  CHECK(error.retry_after == std::chrono::hours(1));
  CHECK(bench.server.seen().size() == 1);
}

TEST_CASE("rest: a silent server is a transport error when the deadline has passed") {
  Bench bench(30ms);
  bench.server.hang();
  auto const error = bench.get(bench.platform->whoami()).error();
  CHECK(error.is_transport());
  CHECK(error.text() == "network.error: GET " + bench.server.url() + ": timed out");
}

TEST_CASE("rest: the request id comes from the body, then from either header") {
  Bench bench;
  bench.server.json(404, R"({"requestId":"r_body"})", "X-Request-Id: r_head\r\n")
      .json(404, "{}", "X-Request-Id: r_head\r\nX-Bctrl-Request-Id: r_other\r\n")
      .json(404, "{}", "X-Bctrl-Request-Id: r_other\r\n");
  for (auto const* id : {"r_body", "r_head", "r_other"})
    CHECK(bench.get(bench.platform->whoami()).error().request_id == id);
}

TEST_CASE("rest: the key follows no redirect") {
  Bench bench;
  bench.server.json(307, "", "Location: https://elsewhere.example/canary?x=1\r\n");
  auto const error = bench.get(bench.platform->whoami()).error();
  CHECK(error.status == 307);
  CHECK(error.message ==
        "the server redirects to https://elsewhere.example:443; the key is not sent there");
  CHECK(bench.server.seen().size() == 1);
}

TEST_CASE("rest: a held runtime is told apart from other conflicts") {
  Bench bench;
  bench.server.json(409, kBusy).json(409, R"({"code":"runtime.not_executable"})");
  CHECK(bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k")).error().is_busy());
  CHECK(!bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k")).error().is_busy());
}

TEST_CASE("rest: a start that answers before the browser is ready is waited for") {
  Bench bench;
  bench.server.json(202, "")
      .json(200, R"({"id":"rt_1","status":"starting"})")
      .json(200, R"({"id":"rt_1","status":"active","currentRun":{"id":"run_2"},
        "connection":{"cdpUrl":"wss://cdp.example/later","protocol":"cdp"}})");
  auto const start = bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k"));
  REQUIRE(start.has_value());
  CHECK(start->connect_url.reveal() == "wss://cdp.example/later");
  CHECK(start->run == RunId{"run_2"});
  CHECK(start->status == "active");
  CHECK(bench.line(1) == "GET /v1/runtimes/rt_1 HTTP/1.1");
  CHECK(bench.line(2) == "GET /v1/runtimes/rt_1?include=connection HTTP/1.1");
}

TEST_CASE("rest: waiting for the URL ends when the runtime failed or the time is up") {
  Bench bench;
  bench.server.json(200, R"({"id":"rt_1"})").json(200, R"({"id":"rt_1","status":"failed"})");
  auto const failed = bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k")).error();
  CHECK(failed.text() == "runtime.not_ready: runtime rt_1 is failed after its start");

  Bench hasty(100ms);
  hasty.server.json(200, R"({"id":"rt_1"})")
      .json(200, R"({"id":"rt_1","status":"starting"})")
      .json(400, "{}");
  auto const late = hasty.get(hasty.platform->start_runtime(RuntimeId{"rt_1"}, "k")).error();
  CHECK(late.code == "runtime.not_ready");
}

TEST_CASE("rest: a connectUrl of another kind is refused without telling it") {
  Bench bench;
  bench.server.json(200, R"({"runtimeId":"rt_1","connectUrl":"gopher://canary_token_2/"})")
      .json(200, R"({"runtimeId":"rt_1","connectUrl":"http://127.0.0.1:9222"})");
  auto const error = bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k")).error();
  CHECK(error.text() == "api.error: the connectUrl of runtime rt_1 is not an address");
  auto const found = bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k"));
  CHECK(found->connect_url.reveal() == "http://127.0.0.1:9222");
}

TEST_CASE(
    "rest: a URL is asked for twice only when wanted, and a refused second try does no harm") {
  Bench bench;
  constexpr auto kActive = R"({"id":"rt_1","status":"active"})";
  bench.server.json(200, kActive);
  CHECK(bench.get(bench.platform->get_runtime(RuntimeId{"rt_1"}, Connection::as_is)).has_value());
  CHECK(bench.server.seen().size() == 1);
  bench.server.json(200, kActive).json(400, "{}");
  auto const runtime =
      bench.get(bench.platform->get_runtime(RuntimeId{"rt_1"}, Connection::wanted));
  REQUIRE(runtime.has_value());
  CHECK(runtime->connect_url.empty());
  CHECK(bench.server.seen().size() == 3);
  bench.server.json(200, kRuntime);
  CHECK(bench.get(bench.platform->get_runtime(RuntimeId{"rt_1"}, Connection::wanted)).has_value());
  CHECK(bench.server.seen().size() == 4);
}

TEST_CASE("rest: stopping what is stopped or gone is no error") {
  Bench bench;
  bench.server.json(200, R"({"runtimeId":"rt_1","status":"stopped","stopped":true})")
      .json(409, R"({"code":"runtime.not_active","error":"not active"})")
      .json(404, R"({"code":"runtime.not_found","error":"gone"})")
      .json(409, kBusy);
  CHECK(bench.get(bench.platform->stop_runtime(RuntimeId{"rt_1"}))->stopped);
  for (int i = 0; i < 2; ++i) {
    auto const stop = bench.get(bench.platform->stop_runtime(RuntimeId{"rt_1"}));
    REQUIRE(stop.has_value());
    CHECK(!stop->stopped);
    CHECK(stop->runtime == RuntimeId{"rt_1"});
  }
  CHECK(bench.get(bench.platform->stop_runtime(RuntimeId{"rt_1"})).error().is_busy());
}

TEST_CASE("rest: an answer that cannot be read keeps its status") {
  Bench bench;
  bench.server.json(200, "<html>");
  auto const error = bench.get(bench.platform->get_run(RunId{"run_1"})).error();
  CHECK(error.text() == "200 api.error: the server's answer is not a run");
}

TEST_CASE("rest: a list is walked page by page") {
  Bench bench;
  bench.server.json(200, R"({"data":[{"id":"rt_1"}],"nextCursor":"c 1"})")
      .json(200, R"({"data":[{"id":"rt_2"}],"nextCursor":null})");
  std::string ids;
  auto body = [&]() -> awaitable<void> {
    auto pages = all_runtimes(*bench.platform, {});
    for (;;) {
      auto const item = co_await pages.next();
      REQUIRE(item.has_value());
      if (!*item) break;
      ids += (*item)->id.value + " ";
    }
  };
  test::drive(bench.loop, body());
  CHECK(ids == "rt_1 rt_2 ");
  CHECK(bench.line(1) == "GET /v1/runtimes?cursor=c%201 HTTP/1.1");
}

TEST_CASE("rest: neither the key nor a connectUrl is in any log line or error text") {
  log::Capture const capture;
  std::string texts;
  auto const note = [&texts](ApiError const& error) {
    texts += error.text() + error.message + error.hint + error.details_json + "\n";
  };
  Bench bench;
  // A start first, so that its URL is known when later answers echo it.
  auto const echo = std::string(R"({"error":"bad key )") + kKey +
                    R"( for wss://cdp.example/canary_path?token=canary_token_1","hint":"Bearer )" +
                    kKey + R"(","details":{"url":"wss://cdp.example/canary_path","key":")" + kKey +
                    R"("}})";
  bench.server.json(503, echo, kNow).json(200, kStarted).json(500, echo, kNow);
  auto const start = bench.get(bench.platform->start_runtime(RuntimeId{"rt_1"}, "k"));
  REQUIRE(start.has_value());
  bench.server.json(500, echo, kNow).json(500, echo, kNow);
  note(bench.get(bench.platform->whoami()).error());
  bench.server.json(302, "", std::string("Location: https://x.example/") + kKey + "\r\n");
  note(bench.get(bench.platform->whoami()).error());
  bench.server.json(200, std::string("not json ") + kKey);
  note(bench.get(bench.platform->whoami()).error());
  bench.server.raw_then_close(kKey);
  note(bench.get(bench.platform->create_space("s")).error());
  Log("test").info("{} {}", start->connect_url, Secret(kKey));

  std::string all = texts;
  for (auto const& line : capture.lines()) all += line + "\n";
  CHECK(all.find("again in") != std::string::npos);
  CHECK(all.find("500 api.error") != std::string::npos);
  for (auto const* canary : {kKey, "canary_path", "canary_token", "canary_key"}) {
    CAPTURE(all);
    CHECK(all.find(canary) == std::string::npos);
  }
}
