#include "local/cdp_connection.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fake_browser.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::test;
using local::CdpConnection;
using local::CdpEvent;
using local::Json;

namespace {

struct Heard final : local::CdpListener {
  explicit Heard(net::Loop& loop) : something(loop.executor()) {}

  bool wants(std::string_view method, std::size_t bytes) override {
    largest = std::max(largest, bytes);
    return method != "Network.dataReceived";
  }
  void on_event(CdpEvent const& event) override {
    events.push_back(fmt::format("{} {} {}", event.method, event.session, event.params.dump()));
    something.notify();
  }
  void on_end() override {
    ended = true;
    something.notify();
  }

  std::vector<std::string> events;
  std::size_t largest = 0;  // of what it was asked about
  bool ended = false;
  net::Signal something;
};

struct Scene {
  FakeDevtools& fake;
  Heard& heard;
  CdpConnection& cdp;
};

/// Runs `body(Scene&)` on an open connection to a fake.
template <class Body>
void with_connection(Body body) {
  net::Loop loop;
  FakeDevtools fake(loop);
  Heard heard(loop);
  CdpConnection cdp(loop, &heard);
  Scene scene{fake, heard, cdp};
  auto const whole = [](Scene& on, Body& work) -> awaitable<void> {
    auto url = on.fake.url();
    auto const open = co_await on.cdp.open(std::move(url));
    REQUIRE(open.has_value());
    co_await work(on);
    co_await on.cdp.close();
    co_await on.fake.stop();
  };
  run(loop, whole(scene, body));
}

awaitable<std::string> outcome(CdpConnection& cdp, std::string method, Json params,
                               std::string session, Duration limit = 10s) {
  auto const result =
      co_await cdp.call(std::move(method), std::move(params), std::move(session), limit);
  co_return result ? result->dump() : result.error().text();
}

}  // namespace

TEST_CASE("cdp connection: answers reach their askers, in whatever order they come") {
  with_connection([](Scene& scene) -> awaitable<void> {
    std::vector<Json> commands;
    scene.fake.answer = [&](Json const& command) -> Json {
      commands.push_back(command);
      if (commands.size() == 2)
        for (auto const& one : {commands[1], commands[0]})
          scene.fake.say_json(Json{{"id", one.at("id")}, {"result", one.at("params")}});
      return nullptr;
    };
    Json const one{{"n", 1}};
    Json const two{{"n", 2}};
    auto const [first, second] =
        co_await (outcome(scene.cdp, "A.a", one, "S1") && outcome(scene.cdp, "A.a", two, ""));
    CHECK(first == R"({"n":1})");
    CHECK(second == R"({"n":2})");
    CHECK(commands[0].at("sessionId") == "S1");
    CHECK_FALSE(commands[1].contains("sessionId"));
  });
}

TEST_CASE("cdp connection: a refusal is Chromium's own words, a silence ends by the limit") {
  with_connection([](Scene& scene) -> awaitable<void> {
    scene.fake.answer = [](Json const& command) -> Json {
      if (command.at("method") == "Slow.one") return nullptr;
      return Json{{"error", {{"code", -32602}, {"message", "No target with given id found"}}}};
    };
    Json const none;
    auto const refused = co_await scene.cdp.call("Target.closeTarget", none);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().is(Errc::refused));
    CHECK(refused.error().text() ==
          "Chromium refused Target.closeTarget: No target with given id found");
    auto const late = co_await scene.cdp.call("Slow.one", none, "", 5ms);
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().is(Errc::timed_out));
  });
}

TEST_CASE("cdp connection: events come in order with their session; unwanted ones do not") {
  with_connection([](Scene& scene) -> awaitable<void> {
    scene.fake.say(R"({"method":"Page.loaded","params":{"a":1},"sessionId":"S"})");
    scene.fake.say(R"({"method":"Network.dataReceived","params":{},"sessionId":"S"})");
    scene.fake.say("not JSON at all");
    scene.fake.say(R"({"id":99,"result":{}})");
    scene.fake.say(R"({"method":"Target.gone","params":{}})");
    while (scene.heard.events.size() < 2) co_await scene.heard.something.wait();
    CHECK(scene.heard.events ==
          std::vector<std::string>{R"(Page.loaded S {"a":1})", "Target.gone  {}"});
  });
}

TEST_CASE("cdp connection: what a page makes large costs neither the connection nor the parsing") {
  with_connection([](Scene& scene) -> awaitable<void> {
    std::size_t const large = 70ULL << 20;
    scene.fake.say(R"({"method":"Network.dataReceived","params":")" + std::string(large, 'x') +
                   "\"}");
    [[maybe_unused]] auto const heard = co_await scene.cdp.call("A.after");
    CHECK(heard.has_value());
    CHECK(scene.heard.events.empty());
    CHECK(scene.heard.largest > large);
  });
}

namespace {

awaitable<void> ask_in_vain(CdpConnection& cdp, bool& ended) {
  auto const answer = co_await cdp.call("A.slow");
  CHECK_FALSE(answer.has_value());
  ended = true;
}

}  // namespace

TEST_CASE("cdp connection: it is closed when the calls that it had under way have ended") {
  with_connection([](Scene& scene) -> awaitable<void> {
    scene.fake.answer = [](Json const&) -> Json { return nullptr; };
    bool ended = false;
    net::Tasks tasks(co_await asio::this_coro::executor);
    tasks.spawn("call", ask_in_vain(scene.cdp, ended));
    while (scene.fake.heard.empty()) co_await net::sleep_for(1ms);
    co_await scene.cdp.close();
    CHECK(ended);
    co_await tasks.join();
  });
}

TEST_CASE("cdp connection: posted commands go out in order with calls") {
  with_connection([](Scene& scene) -> awaitable<void> {
    Json const none;
    scene.cdp.post("A.first", none, "S");
    scene.cdp.post("A.second", none);
    [[maybe_unused]] auto const third = co_await scene.cdp.call("A.third");
    REQUIRE(scene.fake.heard.size() == 3);
    CHECK(scene.fake.heard[0].at("method") == "A.first");
    CHECK(scene.fake.heard[0].at("sessionId") == "S");
    CHECK(scene.fake.heard[1].at("method") == "A.second");
    CHECK(scene.fake.heard[2].at("method") == "A.third");
  });
}

TEST_CASE("cdp connection: the browser's end ends calls, later calls and the listener") {
  with_connection([](Scene& scene) -> awaitable<void> {
    scene.fake.answer = [&](Json const&) -> Json {
      scene.fake.cut();
      return nullptr;
    };
    auto const cut = co_await scene.cdp.call("A.a");
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().is(Errc::end_of_stream));
    co_await scene.cdp.ended();
    CHECK(scene.heard.ended);
    CHECK_FALSE(scene.cdp.is_open());
    auto const later = co_await scene.cdp.call("A.b");
    REQUIRE_FALSE(later.has_value());
    CHECK(later.error().is(Errc::end_of_stream));
  });
}

TEST_CASE("cdp connection: half a surrogate pair costs a character, not the message") {
  with_connection([](Scene& scene) -> awaitable<void> {
    scene.fake.say(R"({"method":"A.b","params":{"a":"x\ud800y","b":"\udc00","c":"\ud83d\ude00",
        "d":"\\ud800","e":"\ud800\ud83d\ude00"}})");
    [[maybe_unused]] auto const heard = co_await scene.cdp.call("A.after");
    REQUIRE(scene.heard.events.size() == 1);
    auto const& event = scene.heard.events.front();
    auto const params = Json::parse(event.substr(event.find('{')));
    CHECK(params.at("a") == "x\uFFFDy");
    CHECK(params.at("b") == "\uFFFD");
    CHECK(params.at("c") == "\U0001F600");
    CHECK(params.at("d") == "\\ud800");
    CHECK(params.at("e") == "\uFFFD\U0001F600");
  });
}

TEST_CASE("cdp connection: nobody answers the dial") {
  net::Loop loop;
  CdpConnection cdp(loop);
  auto const whole = [](CdpConnection& to) -> awaitable<void> {
    auto nowhere = net::parse_url("ws://127.0.0.1:1/devtools/browser/secret").value();
    auto const open = co_await to.open(std::move(nowhere));
    REQUIRE_FALSE(open.has_value());
    CHECK(open.error().text().find("secret") == std::string::npos);
    co_await to.ended();
    co_await to.close();
  };
  run(loop, whole(cdp));
}
