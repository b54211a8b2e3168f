#include "local/backend.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>

#include "backend_fixture.hpp"
#include "process_tree.hpp"

using namespace bridge;
using namespace bridge::test;
using local::Backend;
using local::BackendOptions;

namespace {

std::string details_field(Reply const& reply) {
  return reply.body.at("details").at("field").get<std::string>();
}

}  // namespace

TEST_CASE("backend: whoami, spaces and their errors have the contract's shape") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const me = co_await api.get("AuthWhoamiResponse", "GET", "/v1/auth/whoami");
    auto const space = me.at("defaultSpaceId").get<std::string>();
    auto const spaces = co_await api.get("SpaceListResponse", "GET", "/v1/spaces");
    CHECK(spaces.at("data").at(0).at("id") == space);
    auto const made =
        co_await api.get("Space", "POST", "/v1/spaces",
                         R"({"name":"n","environment":{"vault":{"allow":["a"]}}})", 201);
    auto target = "/v1/spaces/" + made.at("id").get<std::string>() + "?include=environment";
    auto const got = co_await api.get("SpaceWithEnvironment", "GET", std::move(target));
    CHECK(got.at("environment").at("vault").at("allow").at(0) == "a");
    auto const unknown = co_await api.send("GET", "/v1/spaces/nope");
    CHECK(unknown.status == 404);
    CHECK(unknown.code() == "space.not_found");
    auto const wrong = co_await api.send("POST", "/v1/spaces", R"({"name":1})");
    CHECK(details_field(wrong) == "name");
  });
}

TEST_CASE("backend: no key, a foreign key, a web page, an unknown path, a wrong method") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const unknown = co_await api.send("GET", "/v1/nothing");
    CHECK(unknown.status == 404);
    CHECK(unknown.code() == "request.not_found");
    auto const wrong = co_await api.send("PUT", "/v1/runtimes");
    CHECK(wrong.status == 405);
    CHECK(net::find_header(wrong.headers, "allow") == "GET, POST");
    api.headers = {{"Authorization", "Bearer local_x"}, {"Origin", "http://evil.example"}};
    auto const page = co_await api.send("GET", "/v1/runtimes");
    CHECK(page.status == 403);
    api.headers = {{"Authorization", "Bearer local_x"}, {"BCTRL-Subaccount-Id", "sub_1"}};
    auto const subaccount = co_await api.send("GET", "/v1/runtimes");
    CHECK(subaccount.code() == "subaccount.not_found");
    api.headers = {{"Authorization", "Bearer bctrl_x"}};
    auto const foreign = co_await api.send("GET", "/v1/runtimes");
    CHECK(foreign.status == 401);
    CHECK(foreign.code() == "auth.invalid");
    api.headers.clear();
    auto const none = co_await api.send("GET", "/_local/info");
    CHECK(none.code() == "auth.required");
  });
}

TEST_CASE("backend: a runtime is created, read, changed, listed and deleted") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const made = co_await api.get(
        "Runtime", "POST", "/v1/runtimes",
        R"({"name":"main","type":"browser","spaceId":"default","metadata":{"a":1},"later":true,
            "config":{"stealth":"best","idleTimeoutSeconds":600}})",
        201);
    CHECK(made.at("status") == "stopped");
    CHECK(made.at("activeRunId") == nullptr);
    CHECK(made.at("config") ==
          json{{"profile", false}, {"stealth", "best"}, {"idleTimeoutSeconds", 600}});
    auto const target = "/v1/runtimes/" + made.at("id").get<std::string>();
    auto const got = co_await api.get("RuntimeDetail", "GET", target);
    CHECK_FALSE(got.contains("connectUrl"));
    CHECK(got.at("metadata") == json{{"a", 1}});
    auto const changed = co_await api.get("RuntimeDetail", "PATCH", target,
                                          R"({"name":"new","idleTimeoutSeconds":5})");
    CHECK(changed.at("name") == "new");
    CHECK(changed.at("config").at("idleTimeoutSeconds") == 5);
    CHECK(changed.at("config").at("stealth") == "best");
    auto const list = co_await api.get("RuntimeListResponse", "GET", "/v1/runtimes?status=stopped");
    CHECK(list.at("data").size() == 1);
    auto const none = co_await api.get("RuntimeListResponse", "GET", "/v1/runtimes?status=active");
    CHECK(none.at("data").empty());
    auto const gone = co_await api.get("RuntimeDeleteResponse", "DELETE", target);
    CHECK(gone.at("deleted") == true);
    auto const missing = co_await api.send("GET", target);
    CHECK(missing.code() == "runtime.not_found");
  });
}

TEST_CASE("backend: bad bodies and queries name the field") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    struct Case {
      char const* body;
      char const* field;
    };
    for (auto const& [body, field] : {
             Case{R"({"name":""})", "name"},
             Case{R"({"name":7})", "name"},
             Case{R"({"type":"phone"})", "type"},
             Case{R"({"spaceId":7})", "spaceId"},
             Case{R"({"metadata":[]})", "metadata"},
             Case{R"({"config":{"fingerprint":{"viewport":{"width":1}}}})",
                  "config.fingerprint.viewport.height"},
         }) {
      CAPTURE(body);
      auto const reply = co_await api.send("POST", "/v1/runtimes", body);
      CHECK(reply.status == 400);
      CHECK(reply.code() == "request.invalid");
      CHECK(details_field(reply) == field);
    }
    auto const space = co_await api.send("POST", "/v1/runtimes", R"({"spaceId":"nope"})");
    CHECK(space.code() == "space.not_found");
    auto const broken = co_await api.send("POST", "/v1/runtimes", "{");
    CHECK(broken.status == 400);
    std::string const deep(100'000, '[');
    auto const nested = co_await api.send("POST", "/v1/runtimes", deep);
    CHECK(nested.status == 400);
    auto const limit = co_await api.send("GET", "/v1/runtimes?limit=ten");
    CHECK(details_field(limit) == "limit");
    auto const cursor = co_await api.send("GET", "/v1/runs?cursor=zzz");
    CHECK(details_field(cursor) == "cursor");
    auto const status = co_await api.send("GET", "/v1/runs?status=done");
    CHECK(details_field(status) == "status");
    auto const run = co_await api.send("GET", "/v1/runs/nope/events");
    CHECK(run.code() == "run.not_found");
    auto const nobody = co_await api.send("POST", "/v1/runtimes/nope/start");
    CHECK(nobody.code() == "runtime.not_found");
  });
}

TEST_CASE("backend: of several stops at once one has stopped it") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto const stop = [](Api& api, std::string id, int& stopped) -> awaitable<void> {
      auto const reply = co_await api.send("POST", "/v1/runtimes/" + id + "/stop");
      CHECK(reply.status == 200);
      if (reply.body.at("stopped") == true) ++stopped;
    };
    auto const id = co_await scene.api.create();
    co_await scene.api.start(id);
    int stopped = 0;
    net::Tasks tasks(co_await asio::this_coro::executor);
    for (int i = 0; i < 4; ++i) tasks.spawn("stop", stop(scene.api, id, stopped));
    co_await tasks.join();
    CHECK(stopped == 1);
  });
}

TEST_CASE("backend: a body beyond the limit is refused in the contract's shape") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto const reply =
        co_await scene.api.send("POST", "/v1/runtimes", std::string((1 << 20) + 1, ' '));
    CHECK(reply.status == 413);
    CHECK(reply.code() == "request.too_large");
  });
}

TEST_CASE("backend: lists are walked to the end by cursors") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    for (int i = 0; i < 7; ++i) co_await api.create();
    std::size_t seen = 0;
    std::string cursor;
    do {
      auto target = "/v1/runtimes?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor);
      auto const page = co_await api.get("RuntimeListResponse", "GET", std::move(target));
      seen += page.at("data").size();
      cursor = page.at("nextCursor").is_null() ? "" : page.at("nextCursor").get<std::string>();
    } while (!cursor.empty());
    CHECK(seen == 7);
  });
}

TEST_CASE("backend: start and stop make one run with its events") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create(R"({"config":{"stealth":"best"}})");
    auto const started = co_await api.start(id);
    CHECK(started.at("started") == true);
    CHECK(started.at("status") == "active");
    auto const again = co_await api.start(id);
    CHECK(again.at("started") == false);
    CHECK(again.at("connectUrl") == started.at("connectUrl"));
    CHECK(scene.backend.active_runtimes() == 1);
    auto const detail = co_await api.get("RuntimeDetail", "GET", "/v1/runtimes/" + id);
    CHECK(detail.at("connectUrl") == started.at("connectUrl"));
    CHECK(detail.at("activeRunId") == started.at("runId"));
    auto const info = co_await api.only_runtime();
    CHECK(info.at("starts") == 2);
    CHECK(info.at("pid") > 0);

    auto const busy = co_await api.send("DELETE", "/v1/runtimes/" + id);
    CHECK(busy.code() == "runtime.not_stopped");
    auto const patched = co_await api.send("PATCH", "/v1/runtimes/" + id, R"({"config":{}})");
    CHECK(patched.status == 409);

    auto const stopped = co_await api.stop(id);
    CHECK(stopped.at("runId") == started.at("runId"));
    CHECK(stopped.at("stopped") == true);
    auto const twice = co_await api.send("POST", "/v1/runtimes/" + id + "/stop");
    CHECK(twice.code() == "runtime.not_active");

    auto const run_target = "/v1/runs/" + started.at("runId").get<std::string>();
    auto const run = co_await api.get("Run", "GET", run_target);
    CHECK(run.at("status") == "stopped");
    CHECK(run.at("counts").at("events") == 2);
    auto const events = co_await api.get("RunEventListResponse", "GET", run_target + "/events");
    CHECK(events.at("data").at(0).at("status") == "started");
    CHECK(events.at("data").at(0).at("data").at("browserVersion") == "Chrome/1.2.3.4");
    CHECK(events.at("data").at(0).at("data").at("notApplied") == json{"stealth"});
    CHECK(events.at("data").at(1).at("data").at("reason") == "stop");
    auto const first = events.at("data").at(0).at("id").get<std::string>();
    auto const rest =
        co_await api.get("RunEventListResponse", "GET", run_target + "/events?cursor=" + first);
    CHECK(rest.at("data").size() == 1);
    auto const runs = co_await api.get("RunListResponse", "GET", "/v1/runs?runtimeId=" + id);
    CHECK(runs.at("data").size() == 1);
  });
}

namespace {

awaitable<void> start_into(Api& api, std::string id, std::vector<json>& all) {
  auto started = co_await api.start(std::move(id));
  all.push_back(std::move(started));
}

}  // namespace

TEST_CASE("backend: fifty simultaneous starts share one") {
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    std::vector<json> all;
    net::Tasks tasks(scene.loop.executor());
    for (int i = 0; i < 50; ++i) tasks.spawn("start", start_into(api, id, all));
    co_await tasks.join();
    REQUIRE(all.size() == 50);
    std::size_t began = 0;
    for (auto const& one : all) {
      CHECK(one.at("connectUrl") == all.front().at("connectUrl"));
      if (one.at("started") == true) ++began;
    }
    CHECK(began == 1);
    auto const runs = co_await api.get("RunListResponse", "GET", "/v1/runs");
    CHECK(runs.at("data").size() == 1);
  });
}

TEST_CASE("backend: an Idempotency-Key replays the first success and refuses another request") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const one = co_await api.create();
    auto const two = co_await api.create();
    api.headers.emplace_back("Idempotency-Key", "k1");
    auto const first = co_await api.start(one);
    auto const replayed = co_await api.start(one);
    CHECK(replayed == first);
    CHECK(replayed.at("started") == true);
    auto const other = co_await api.send("POST", "/v1/runtimes/" + two + "/start");
    CHECK(other.status == 409);
    CHECK(other.code() == "idempotency.mismatch");
    api.headers.back().second = std::string(201, 'k');
    auto const longer = co_await api.send("POST", "/v1/runtimes/" + two + "/start");
    CHECK(details_field(longer) == "Idempotency-Key");
    api.headers.back().second = "k2";
    auto const missing = co_await api.send("POST", "/v1/runtimes/nope/start");
    CHECK(missing.status == 404);
    auto const fresh = co_await api.start(two);
    CHECK(fresh.at("started") == true);
  });
}

TEST_CASE("backend: one controller at a time, and the next as soon as it has gone") {
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const url = started.at("connectUrl").get<std::string>();
    Controller first(scene.loop);
    auto const open1 = co_await first.attach(url);
    CHECK_FALSE(open1.has_value());
    auto const said = co_await first.ask("hello");
    CHECK(said == "hello");
    std::string const large(5 << 20, 'x');
    auto const echoed = co_await first.ask(large);
    CHECK(bool(echoed == large));
    auto const info = co_await api.only_runtime();
    CHECK(info.at("cdpConnections") == 1);

    Controller second(scene.loop);
    auto const refused = co_await second.attach(url);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 409);
    auto const body = json::parse(refused->body);
    CHECK(violation_of("ErrorResponse", body) == "");
    CHECK(body.at("code") == "runtime.controller_busy");
    CHECK(body.at("details").at("holder") == "cdp");
    CHECK(body.at("details").at("runId") == started.at("runId"));
    CHECK(has_format(body.at("details").at("since").get<std::string>(), "date-time"));

    co_await first.leave();
    co_await until(api,
                   [](json const& runtimes) { return runtimes.at(0).at("cdpConnections") == 0; });
    auto const open2 = co_await second.attach(url);
    CHECK_FALSE(open2.has_value());
    auto const again = co_await second.ask("again");
    CHECK(again == "again");
    auto const after = co_await api.only_runtime();
    CHECK(after.at("cdpConnectionsTotal") == 2);
    CHECK(fake.devtools.sockets() == 2);  // the controller's, and the backend's own
    co_await second.leave();
  });
}

TEST_CASE("backend: a wrong secret, an unknown run and a plain GET are all 404") {
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const url = started.at("connectUrl").get<std::string>();
    auto flipped = url;
    flipped.back() = flipped.back() == 'A' ? 'B' : 'A';
    auto const base = url.substr(0, url.rfind('/'));
    auto const run = base.substr(0, base.rfind('/'));
    for (auto const& wrong : {flipped, base, base + "/", url + "x", url + "/x", run + "/nope/x"}) {
      CAPTURE(wrong);
      Controller controller(scene.loop);
      auto const refused = co_await controller.attach(wrong);
      REQUIRE(refused.has_value());
      CHECK(refused->status == 404);
    }
    auto target = net::parse_url(url).value().target;
    auto const plain = co_await api.send("GET", std::move(target));
    CHECK(plain.status == 404);
    auto const info = co_await api.only_runtime();
    CHECK(info.at("cdpConnectionsTotal") == 0);
  });
}

TEST_CASE("backend: stopping a runtime ends its controller and its connectUrl") {
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const first = co_await api.start(id);
    auto const url = first.at("connectUrl").get<std::string>();
    Controller controller(scene.loop);
    auto const open = co_await controller.attach(url);
    CHECK_FALSE(open.has_value());
    co_await api.stop(id);
    Controller late(scene.loop);
    auto const refused = co_await late.attach(url);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 404);
    auto const second = co_await api.start(id);
    CHECK(second.at("runId") != first.at("runId"));
    CHECK(second.at("connectUrl") != first.at("connectUrl"));
    co_await controller.leave();
  });
}

TEST_CASE("backend: a browser that ends by itself fails its run and its runtime") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const info = co_await api.only_runtime();
    ::kill(info.at("pid").get<pid_t>(), SIGSEGV);
    co_await until(api, [](json const& runtimes) { return runtimes.empty(); });
    auto target = "/v1/runs/" + started.at("runId").get<std::string>();
    // The run is written down right behind the browser's last words.
    auto run = co_await api.get("Run", "GET", target);
    while (run.at("status") == "active") run = co_await api.get("Run", "GET", target);
    CHECK(run.at("status") == "failed");
    CHECK(run.at("failure").at("code") == "local.browser_exited");
    CHECK(run.at("failure").at("message").get<std::string>().find("signal 11") !=
          std::string::npos);
    auto const runtime = co_await api.get("RuntimeDetail", "GET", "/v1/runtimes/" + id);
    CHECK(runtime.at("status") == "failed");
    CHECK(runtime.at("activeRunId") == nullptr);
    auto const again = co_await api.start(id);
    CHECK(again.at("started") == true);
  });
}

TEST_CASE("backend: a browser that does not start is a 503 with its last words, and no run") {
  FakeBrowser const broken("echo 'cannot open display' >&2; exit 21");
  BackendOptions options;
  options.chromium = broken.program();
  with_fake(options, [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const reply = co_await api.send("POST", "/v1/runtimes/" + id + "/start");
    CHECK(reply.status == 503);
    CHECK(reply.code() == "runtime.host_unavailable");
    auto const text = reply.body.at("error").get<std::string>();
    CHECK(text.find("exited with status 21") != std::string::npos);
    CHECK(text.find("cannot open display") != std::string::npos);
    auto const runs = co_await api.get("RunListResponse", "GET", "/v1/runs");
    CHECK(runs.at("data").empty());
    auto const runtime = co_await api.get("RuntimeDetail", "GET", "/v1/runtimes/" + id);
    CHECK(runtime.at("status") == "stopped");
  });
}

TEST_CASE("backend: a browser that never announces its port is killed at the limit") {
  FakeBrowser const silent("echo $$ >&2; exec sleep 600");
  BackendOptions options;
  options.chromium = silent.program();
  options.start_limit = 300ms;
  with_fake(options, [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const reply = co_await api.send("POST", "/v1/runtimes/" + id + "/start");
    CHECK(reply.status == 503);
    auto const text = reply.body.at("error").get<std::string>();
    CHECK(text.find("timed out") != std::string::npos);
    auto const pid = std::stoi(text.substr(text.find("it said: ") + 9));
    CHECK(gone_within(pid, 0ms));
  });
}

TEST_CASE("backend: a controller that says nothing does not use its runtime") {
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const run = co_await api.start(id);
    Controller controller(scene.loop);
    auto const refused = co_await controller.attach(run.at("connectUrl").get<std::string>());
    CHECK_FALSE(refused.has_value());
    co_await api.send("PATCH", "/v1/runtimes/" + id, R"({"idleTimeoutSeconds":1})");
    co_await until(api, [](json const& runtimes) { return runtimes.empty(); });
    co_await controller.leave();
  });
}

TEST_CASE("backend: an unused runtime stops after its idle limit, a used one does not") {
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const held = co_await api.create();
    auto const run = co_await api.start(id);
    auto const kept = co_await api.start(held);
    Controller controller(scene.loop);
    auto const open3 = co_await controller.attach(kept.at("connectUrl").get<std::string>());
    CHECK_FALSE(open3.has_value());
    co_await api.send("PATCH", "/v1/runtimes/" + held, R"({"idleTimeoutSeconds":1})");
    co_await api.send("PATCH", "/v1/runtimes/" + id, R"({"idleTimeoutSeconds":1})");
    bool stopped = false;
    while (!stopped) {  // to look at it is no use
      controller.ping();
      (void)co_await api.send("GET", "/v1/runs/" + run.at("runId").get<std::string>());
      auto const now = co_await api.send("GET", "/v1/runtimes/" + id);
      stopped = now.body.at("status") == "stopped";
      co_await net::sleep_for(20ms);
    }
    auto const left = co_await api.only_runtime();
    CHECK(left.at("runtimeId") == held);
    co_await until(api, [&](json const&) { return true; });
    auto target = "/v1/runs/" + run.at("runId").get<std::string>() + "/events?status=stopped";
    auto events = co_await api.get("RunEventListResponse", "GET", target);
    while (events.at("data").empty())
      events = co_await api.get("RunEventListResponse", "GET", target);
    CHECK(events.at("data").at(0).at("data").at("reason") == "idle_timeout");
    co_await controller.leave();
    co_await until(api, [](json const& runtimes) { return runtimes.empty(); });
  });
}

TEST_CASE("backend: the browser gets our flags, a clean environment and the asked window") {
  Fake fake;
  BackendOptions options;
  options.chromium_flags = {"--lang=de"};
  setenv("BCTRL_API_KEY", "bctrl_canary", 1);
  fake.run(options, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    CHECK(scene.backend.chromium_version() == "1.2.3.4");
    auto const id = co_await api.create(
        R"({"config":{"fingerprint":{"viewport":{"width":801,"height":602}}}})");
    co_await api.start(id);
    auto const words = fake.browser.arguments();
    for (auto const* const word :
         {"--headless=new", "--remote-debugging-port=0", "--window-size=801,602", "--lang=de"})
      CHECK(words.find(word) != std::string::npos);
    CHECK((words.find("--no-sandbox") != std::string::npos) == (geteuid() == 0));
    CHECK(fake.browser.environment().find("canary") == std::string::npos);
    CHECK(fake.browser.environment().find("BREAKPAD_DUMP_LOCATION=") != std::string::npos);
  });
  unsetenv("BCTRL_API_KEY");
}

TEST_CASE("backend: profiles are kept when asked for, scratch ones are not") {
  TemporaryDirectory state;
  BackendOptions options;
  options.state = state.path() / "state";
  with_fake(options, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create(R"({"config":{"profile":true}})");
    auto const other = co_await api.create();
    co_await api.start(id);
    co_await api.start(other);
    auto const profile = state.path() / "state/profiles" / id;
    std::ofstream(profile / "cookie") << "kept";
    std::filesystem::create_symlink("host-1", profile / "SingletonLock");
    CHECK_FALSE(std::filesystem::is_empty(state.path() / "state/scratch"));
    co_await api.stop(id);
    co_await api.stop(other);
    CHECK(std::filesystem::is_empty(state.path() / "state/scratch"));
    co_await api.start(id);
    CHECK(std::filesystem::exists(profile / "cookie"));
    CHECK_FALSE(std::filesystem::is_symlink(profile / "SingletonLock"));
    co_await api.stop(id);
    co_await api.send("DELETE", "/v1/runtimes/" + id);
    CHECK_FALSE(std::filesystem::exists(profile));
  });
}

TEST_CASE("backend: stopping it ends the runs and the next one knows them") {
  TemporaryDirectory state;
  BackendOptions options;
  options.state = state.path();
  std::string id;
  pid_t pid = 0;
  with_fake(options, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    id = co_await api.create(R"({"name":"kept"})");
    co_await api.start(id);
    auto const info = co_await api.only_runtime();
    pid = info.at("pid").get<pid_t>();
  });
  CHECK(gone_within(pid, 0ms));
  with_fake(options, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const runtime = co_await api.get("RuntimeDetail", "GET", "/v1/runtimes/" + id);
    CHECK(runtime.at("name") == "kept");
    CHECK(runtime.at("status") == "stopped");
    auto const runs = co_await api.get("RunListResponse", "GET", "/v1/runs?status=stopped");
    CHECK(runs.at("data").size() == 1);
  });
}

TEST_CASE("backend: no secret of a connectUrl is in any log line") {
  log::Capture const capture;
  Fake fake;
  fake.run(BackendOptions(), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const url = started.at("connectUrl").get<std::string>();
    auto const secret = url.substr(url.rfind('/') + 1);
    Controller controller(scene.loop);
    co_await controller.attach(url);
    api.headers.emplace_back("Origin", "http://evil.example");
    co_await api.send("GET", "/v1/cdp/x/" + secret);
    CHECK(secret.size() >= 43);
    CHECK_FALSE(capture.contains(secret));
    CHECK_FALSE(capture.contains(scene.backend.key().reveal()));
    CHECK_FALSE(capture.contains("/devtools/browser/"));
    co_await controller.leave();
  });
  CHECK(capture.contains("started, run"));
}

TEST_CASE("backend: without Chromium the error says how to get it") {
  net::Loop loop;
  std::string const path = getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  unsetenv("BCTRL_BRIDGE_CHROMIUM");
  auto const none = Backend::open(loop, BackendOptions());
  setenv("BCTRL_BRIDGE_CHROMIUM", "/nonexistent/chrome", 1);
  auto const wrong = Backend::open(loop, BackendOptions());
  unsetenv("BCTRL_BRIDGE_CHROMIUM");
  setenv("PATH", path.c_str(), 1);
  REQUIRE(none.has_error());
  CHECK(none.error().text().find("sudo apt-get install chromium") != std::string::npos);
  REQUIRE(wrong.has_error());
  CHECK(wrong.error().text().find("/nonexistent/chrome") != std::string::npos);
}

TEST_CASE("backend: a program that is no Chromium is refused at the start, with the way out") {
  for (std::string const program : {"/bin/cat", "/bin/false"}) {
    CAPTURE(program);
    BackendOptions options;
    options.chromium = program;
    net::Loop loop;
    auto const backend = Backend::open(loop, options).value();
    auto const started = [](Backend& it) -> awaitable<void> {
      auto const begun = co_await it.start();
      co_await it.stop();
      REQUIRE(begun.has_error());
      CHECK(begun.error().is(Errc::not_found));
      CHECK(begun.error().text().find("/bin/") == 0);
      CHECK(begun.error().text().ends_with("sudo apt-get install chromium"));
    };
    run(loop, started(*backend));
  }
}

TEST_CASE("backend: a state directory in use is an error that names who uses it") {
  TemporaryDirectory state;
  net::Loop loop;
  FakeBrowser const browser("exit 1");
  BackendOptions options;
  options.chromium = browser.program();
  options.state = state.path();
  auto const first = Backend::open(loop, options);
  REQUIRE(first.has_value());
  auto const second = Backend::open(loop, options);
  REQUIRE(second.has_error());
  CHECK(second.error().code == boost::system::errc::resource_unavailable_try_again);
  CHECK(second.error().text() ==
        fmt::format("{} is in use by process {}", state.path().string(), getpid()));
}

TEST_CASE("backend: a store that fails is a 503, or an error when it is opened") {
  TemporaryDirectory const state;
  BackendOptions options;
  options.state = state.path();
  auto const drop = [&](char const* table) {
    auto const database = Database::open((state.path() / "local.db").string()).value();
    database->execute(table);
  };
  with_fake(options, [&](Scene& scene) -> awaitable<void> {
    drop("DROP TABLE documents");
    scene.api.headers.emplace_back("Bctrl-Subaccount-Id", "s");
    auto const failed = co_await scene.api.send("GET", "/v1/spaces");
    CHECK(failed.status == 503);
    CHECK(failed.code() == "storage.unavailable");
  });
  net::Loop loop;
  FakeDevtools devtools(loop);
  FakeBrowser const browser(devtools);
  options.chromium = browser.program();
  drop("DROP TABLE files");
  auto const opened = Backend::open(loop, options);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().text().find("read the state in ") != std::string::npos);
  run(loop, devtools.stop());
}

TEST_CASE("backend: a taken port is an error") {
  net::Loop loop;
  FakeDevtools devtools(loop);
  FakeBrowser const browser(devtools);
  BackendOptions options;
  options.chromium = browser.program();
  options.port = devtools.port();
  auto const backend = Backend::open(loop, options).value();
  run(loop, [](Backend& it, FakeDevtools& other) -> awaitable<void> {
    auto const started = co_await it.start();
    CHECK(started.has_error());
    co_await it.stop();
    co_await other.stop();
  }(*backend, devtools));
}
