#include <doctest/doctest.h>

#include "backend_fixture.hpp"

using namespace bridge;
using namespace bridge::test;

namespace {

bool has(std::string const& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

awaitable<json> lifecycle_of(Api& api, std::string run) {
  auto target = "/v1/runs/" + run + "/events?type=runtime.lifecycle";
  auto const events = co_await api.get("RunEventListResponse", "GET", std::move(target));
  co_return events.at("data").at(0).at("data");
}

constexpr auto kProxy = R"({"name":"p","type":"custom","protocol":"socks5","host":"127.0.0.1",
    "port":1080,"username":"anna","password":"canary-word"})";

}  // namespace

TEST_CASE("runtime start: the config becomes flags and variables of Chromium") {
  Fake fake;
  fake.run({}, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create(R"({"config":{"webRtcProxyOnly":true,"stealth":"best",
        "proxy":"http://proxy.example:3128","fingerprint":{"viewport":{"width":801,"height":602},
        "userAgent":"Tested/1.0","locale":["de-DE","en"],"timezone":"Asia/Tokyo"}}})");
    auto const started = co_await api.start(id);
    auto const arguments = fake.browser.arguments();
    for (auto const flag : {"--window-size=801,602", "--user-agent=Tested/1.0", "--lang=de-DE",
                            "--accept-lang=de-DE,en", "--proxy-server=http://proxy.example:3128",
                            "--proxy-bypass-list=<-loopback>",
                            "--webrtc-ip-handling-policy=disable_non_proxied_udp"}) {
      CAPTURE(flag);
      CHECK(has(arguments, flag));
    }
    CHECK(has(fake.browser.environment(), "TZ=Asia/Tokyo\n"));
    auto const data = co_await lifecycle_of(api, started.at("runId").get<std::string>());
    CHECK(data.at("notApplied") == json::array({"stealth"}));
    CHECK(data.at("applied").size() == 6);
  });
}

TEST_CASE("runtime start: what Chromium does not take of a fingerprint is not said to be applied") {
  Fake fake;
  fake.devtools.answer = [&](json const& command) -> json {
    auto const& method = command.at("method");
    if (method == "Target.setAutoAttach" && !command.contains("sessionId"))
      fake.devtools.say(R"({"method":"Target.attachedToTarget","params":{"sessionId":"S1",
          "targetInfo":{"targetId":"P","type":"page","browserContextId":"C"}}})");
    if (method == "Runtime.evaluate")
      return json::parse(R"({"result":{"result":{"type":"object",
          "value":{"fingerprint.locale":"Chromium uses en-US"}}}})");
    return json{{"result", json::object()}};
  };
  fake.run({}, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create(
        R"({"config":{"fingerprint":{"locale":"tlh","timezone":"Asia/Tokyo"}}})");
    auto const started = co_await api.start(id);
    auto const data = co_await lifecycle_of(api, started.at("runId").get<std::string>());
    CHECK(data.at("applied") == json::array({"fingerprint.timezone"}));
    CHECK(data.at("notApplied") == json::array({"fingerprint.locale"}));
    CHECK(data.at("refused").at("fingerprint.locale") == "Chromium uses en-US");
  });
}

TEST_CASE(
    "runtime start: a saved proxy is looked up; its login stays out of Chromium's arguments") {
  Fake fake;
  fake.run({}, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const proxy = co_await api.send("POST", "/v1/proxies", kProxy);
    REQUIRE(proxy.status == 201);
    auto const id = co_await api.create(R"({"config":{"proxy":")" +
                                        proxy.body.at("id").get<std::string>() + "\"}}");
    auto const started = co_await api.start(id);
    auto const arguments = fake.browser.arguments();
    CHECK(has(arguments, "--proxy-server=socks5://127.0.0.1:"));
    CHECK_FALSE(has(arguments, "127.0.0.1:1080"));
    CHECK_FALSE(has(arguments, "anna"));
    CHECK_FALSE(has(arguments, "canary-word"));
    auto const data = co_await lifecycle_of(api, started.at("runId").get<std::string>());
    CHECK(data.at("applied") == json::array({"proxy"}));
    CHECK_FALSE(data.contains("notApplied"));
  });
}

TEST_CASE("runtime start: a browser that nobody keeps to its rules any more ends at once") {
  Fake fake;
  fake.run({}, [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id =
        co_await api.create(R"({"config":{"networkTraffic":{"urlAllowlist":["a.example"]}}})");
    auto const started = co_await api.start(id);
    auto const refused = co_await api.send("POST", "/v1/runtimes/" + id + "/targets",
                                           R"({"uri":"http://b.example/"})");
    CHECK(refused.status == 400);
    CHECK(refused.field() == "uri");
    auto const begun = Clock::now();
    fake.devtools.cut();
    co_await until(api, [](json const& runtimes) { return runtimes.empty(); });
    CHECK(Clock::now() - begun < 5s);
    auto const run = co_await api.send("GET", "/v1/runs/" + started.at("runId").get<std::string>());
    CHECK(run.body.at("status") == "failed");
  });
}

namespace {

awaitable<void> start_to(Api& api, std::string id, json& started) {
  started = co_await api.start(id);
}

}  // namespace

TEST_CASE("runtime start: a config cannot be changed during it, the idle limit can") {
  Fake fake;
  FakeBrowser const slow(
      fmt::format("sleep 0.5\necho 'DevTools listening on "
                  "ws://127.0.0.1:{}/devtools/browser/fake' >&2\nexec sleep 600",
                  fake.devtools.port()));
  local::BackendOptions options;
  options.chromium = slow.program();
  fake.run(std::move(options), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const path = "/v1/runtimes/" + id;
    json started;
    net::Tasks tasks(scene.loop.executor());
    tasks.spawn("start", start_to(api, id, started));
    while (slow.arguments().empty()) co_await net::sleep_for(2ms);
    auto const refused = co_await api.send("PATCH", path, R"({"config":{"profile":true}})");
    CHECK(refused.status == 409);
    CHECK(refused.code() == "runtime.not_stopped");
    auto const changed = co_await api.send("PATCH", path, R"({"idleTimeoutSeconds":1})");
    CHECK(changed.status == 200);
    CHECK(started.is_null());
    co_await tasks.join();
    CHECK(started.at("started") == true);
    auto const begun = Clock::now();
    co_await until(api, [](json const& runtimes) { return runtimes.empty(); });
    CHECK(Clock::now() - begun < 10s);
  });
}
