#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/fakes/fake_chrome.hpp"

// Clients that survive the loss of their connection, over a browser that behaves as Chrome does as
// far as sessions go.

namespace bridge::cdp {
namespace {

using nlohmann::json;
using test::Scene;

json const kAutoAttach{{"autoAttach", true}, {"waitForDebuggerOnStart", true}, {"flatten", true}};

}  // namespace

TEST_CASE("resume: a session goes on under its old name, with what it was told") {
  Scene scene({"P1", "P2"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  scene.ask(1, "Network.enable", json::object(), session);
  scene.ask(1, "Emulation.setLocaleOverride", {{"locale", "de"}}, session);
  scene.ask(1, "Emulation.setLocaleOverride", {{"locale", "fr"}}, session);
  scene.cut();
  scene.resume();
  scene.pump();
  REQUIRE(scene.resumed == "");
  auto const told = scene.chrome.told("P1");
  REQUIRE(told.size() == 1);
  CHECK(told[0] == std::vector<std::string>{"Network.enable{}",
                                            R"(Emulation.setLocaleOverride{"locale":"fr"})"});
  auto const id = scene.ask(1, "Test.do", {{"serial", 7}}, session);
  auto const got = scene.answer(1, id);
  CHECK(got.at("sessionId") == session);
  CHECK(got.at("result").at("did") == 7);
  CHECK(scene.chrome.deeds.back().target == "P1");
  CHECK(scene.heard[1].sessions.size() == 2);
  // Twice is as good as once.
  scene.cut();
  scene.resume();
  scene.pump();
  auto const again = scene.ask(1, "Test.do", {{"serial", 8}}, session);
  CHECK(scene.answer(1, again).at("result").at("did") == 8);
}

TEST_CASE(
    "resume: a command in flight is answered once; what only its session knows is sent again") {
  Scene scene({"P1"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  auto const deed = scene.send(1, "Test.do", {{"serial", 1}}, session);
  auto const state = scene.send(1, "Network.enable", json::object(), session);
  auto const read = scene.send(1, "Target.getBrowserContexts");
  scene.cut(2);
  CHECK(scene.answer(1, deed).at("error").at("message") == "Inspected target navigated or closed");
  CHECK(scene.answer(1, deed).at("sessionId") == session);
  CHECK(scene.heard[1].answers[state].empty());
  auto const held = scene.send(1, "Test.do", {{"serial", 2}}, session);
  CHECK(scene.mux.held_bytes() > 0);
  scene.resume();
  scene.pump();
  CHECK(scene.answer(1, state).contains("result"));
  CHECK(scene.answer(1, read).contains("result"));
  CHECK(scene.answer(1, held).at("result").at("did") == 2);
  CHECK(scene.mux.held_bytes() == 0);
  REQUIRE(scene.chrome.deeds.size() == 2);  // the first did arrive, once
  CHECK(scene.mux.counts().lost == 1);
  CHECK(scene.mux.counts().again == 2);
}

TEST_CASE("resume: what came and went meanwhile is told") {
  Scene scene({"P1", "P2"});
  scene.join(1);
  scene.ask(1, "Target.setDiscoverTargets", {{"discover", true}});
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const lost = scene.session_of(1, "P2");
  scene.heard[1].events.clear();
  scene.cut();
  scene.chrome.close_page("P2");
  scene.chrome.open_page("P3");
  scene.resume();
  scene.pump();
  REQUIRE(scene.resumed == "");
  std::vector<std::string> told;
  for (auto const& event : scene.heard[1].events) {
    auto const& params = event.at("params");
    auto const target = params.contains("targetInfo") ? params.at("targetInfo").at("targetId")
                                                      : params.at("targetId");
    told.push_back(event.at("method").get<std::string>() + " " + target.get<std::string>());
  }
  CHECK(told == std::vector<std::string>{"Target.targetInfoChanged P1", "Target.targetCreated P3",
                                         "Target.targetDestroyed P2", "Target.attachedToTarget P3",
                                         "Target.detachedFromTarget P2"});
  auto const refused = scene.ask(1, "Test.do", {{"serial", 1}}, lost);
  CHECK(scene.answer(1, refused).at("error").at("code") == -32001);
  auto const fresh = scene.ask(1, "Test.do", {{"serial", 2}}, scene.session_of(1, "P3"));
  CHECK(scene.answer(1, fresh).contains("result"));
}

TEST_CASE("resume: another browser is not taken for the old one") {
  Scene scene({"P1"});
  scene.join(1);
  auto const flight = scene.send(1, "Network.enable");
  scene.cut();
  auto const held = scene.send(1, "Test.do", {{"serial", 1}});
  scene.chrome.default_context = "OTHER";
  scene.resume();
  scene.pump();
  CHECK(scene.resumed == "another browser answers now");
  scene.mux.lose_upstream();
  CHECK(scene.answer(1, flight).contains("error"));
  CHECK(scene.answer(1, held).contains("error"));
  CHECK(scene.chrome.deeds.empty());
}

TEST_CASE("resume: a page client keeps its page, and hears when it has closed meanwhile") {
  Scene scene({"P1", "P2"});
  scene.join(1, "P1");
  scene.join(2, "P2");
  scene.cut();
  scene.chrome.close_page("P2");
  scene.resume();
  scene.pump();
  CHECK(scene.resumed == "");
  auto const id = scene.ask(1, "Test.do", {{"serial", 1}});
  CHECK(scene.answer(1, id).contains("result"));
  CHECK(scene.chrome.deeds.back().target == "P1");
  CHECK(scene.heard[2].gone);
  CHECK_FALSE(scene.mux.has_root(ClientId{2}));
}

TEST_CASE("resume: contexts that would go with the connection stay, and go with their client") {
  Scene scene({"P1"});
  scene.join(1);
  scene.join(2);
  scene.ask(1, "Target.createBrowserContext", {{"disposeOnDetach", true}});
  scene.ask(2, "Target.createBrowserContext", {{"disposeOnDetach", true}});
  scene.ask(2, "Target.createBrowserContext");
  CHECK(scene.owned.size() == 2);
  scene.cut();
  CHECK(scene.chrome.contexts.size() == 3);
  scene.mux.leave(ClientId{1});  // while nobody can be told
  scene.resume();
  scene.pump();
  CHECK(scene.chrome.contexts.size() == 2);
  scene.mux.leave(ClientId{2});
  scene.pump();
  CHECK(scene.chrome.contexts.size() == 1);  // not marked: Chrome would have kept it too
  CHECK(scene.owned.empty());
}

TEST_CASE("resume: an explicit attach is made again, and its detach names the right session") {
  Scene scene({"P1"});
  scene.join(1);
  auto const attach =
      scene.ask(1, "Target.attachToTarget", {{"targetId", "P1"}, {"flatten", true}});
  auto const session = scene.answer(1, attach).at("result").at("sessionId").get<std::string>();
  scene.cut();
  scene.resume();
  scene.pump();
  auto const id = scene.ask(1, "Test.do", {{"serial", 1}}, session);
  CHECK(scene.answer(1, id).at("result").at("did") == 1);
  scene.ask(1, "Target.detachFromTarget", {{"sessionId", session}});
  CHECK(scene.chrome.told("P1").empty());
}

TEST_CASE(
    "resume: whatever is cut whenever, nothing is done twice, elsewhere or without an answer") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    auto const pick = [&random](unsigned below) { return random() % below; };
    Scene scene({"P1", "P2"});
    for (std::uint64_t const who : {1, 2}) {
      scene.join(who);
      scene.ask(who, "Target.setDiscoverTargets", {{"discover", true}});
      scene.ask(who, "Target.setAutoAttach", kAutoAttach);
    }
    struct Sent {
      std::uint64_t who;
      int id;
      std::string target;
    };
    std::map<int, Sent> deeds;  // by serial
    std::vector<Sent> all;
    int pages = 2;
    bool connected = true;
    for (int step = 0; step < 150; ++step) {
      auto const what = pick(100);
      std::uint64_t const who = 1 + pick(2);
      auto const& sessions = scene.heard[who].sessions;
      if (what < 40 && !sessions.empty()) {
        auto at = sessions.begin();
        std::advance(at, pick(static_cast<unsigned>(sessions.size())));
        bool const deed = pick(3) != 0;
        auto const id =
            deed ? scene.send(who, "Test.do", {{"serial", step}}, at->first)
                 : scene.send(who, "Emulation.setLocaleOverride", {{"locale", step}}, at->first);
        if (deed) deeds[step] = {who, id, at->second};
        all.push_back({who, id, at->second});
      } else if (what < 60) {
        scene.step_up();
      } else if (what < 85) {
        scene.step_down();
      } else if (what < 88 && connected) {
        scene.chrome.open_page(fmt::format("P{}", ++pages));
      } else if (what < 91 && scene.chrome.pages().size() > 1) {
        scene.chrome.close_page(std::string(scene.chrome.pages().back()));
      } else if (what < 96) {
        if (connected) scene.cut(pick(4));
        connected = false;
      } else if (!connected) {
        scene.resume();
        connected = true;
      }
    }
    if (!connected) scene.resume();
    scene.pump();
    scene.mux.drop_unbound();
    scene.pump();
    CHECK_FALSE(scene.mux.suspended());
    std::map<int, int> times;
    for (auto const& deed : scene.chrome.deeds) {
      REQUIRE(deeds.contains(deed.serial));
      CHECK(++times[deed.serial] == 1);
      CHECK(deed.target == deeds[deed.serial].target);
    }
    for (auto const& sent : all) {
      // Chrome answers nothing on a session whose target has gone.
      auto const& answers = scene.heard[sent.who].answers[sent.id];
      CHECK(answers.size() <= 1);
      if (answers.empty()) CHECK(scene.session_of(sent.who, sent.target).empty());
    }
    for (auto const& [serial, sent] : deeds) {
      auto const& answers = scene.heard[sent.who].answers[sent.id];
      if (!answers.empty() && answers[0].contains("result")) CHECK(times[serial] == 1);
    }
    // Who has a session has one in the browser, and it is the right one.
    for (std::uint64_t const who : {1, 2}) {
      CHECK(scene.heard[who].sessions.size() == scene.chrome.pages().size());
      for (auto const& [session, target] : std::map(scene.heard[who].sessions)) {
        auto const id = scene.ask(who, "Test.do", {{"serial", 1000}}, session);
        CHECK(scene.answer(who, id).contains("result"));
        CHECK(scene.chrome.deeds.back().target == target);
      }
    }
    for (std::uint64_t const who : {1, 2}) scene.mux.leave(ClientId{who});
    scene.pump();
    CHECK(scene.mux.sessions() == 0);
    CHECK(scene.mux.pending() == 0);
    CHECK(scene.chrome.sessions().empty());
  }
}

TEST_CASE("pause: new commands wait, answers and events still come, go_on lets them go in order") {
  Scene scene({"P1"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  auto const before = scene.send(1, "Test.do", {{"serial", 1}}, session);
  CHECK(scene.mux.in_flight() == 1);
  scene.mux.pause(Mux::Meanwhile::held);
  auto const first = scene.send(1, "Test.do", {{"serial", 2}}, session);
  auto const second = scene.send(1, "Test.do", {{"serial", 3}}, session);
  CHECK(scene.mux.in_flight() == 1);
  scene.pump();
  CHECK(scene.answer(1, before).at("result").at("did") == 1);
  CHECK(scene.heard[1].answers[first].empty());
  CHECK(scene.mux.in_flight() == 0);
  // Over a change of the connection as well.
  scene.cut();
  scene.resume();
  scene.pump();
  REQUIRE(scene.resumed == "");
  CHECK(scene.heard[1].answers[first].empty());
  scene.mux.go_on();
  scene.pump();
  CHECK(scene.answer(1, first).at("result").at("did") == 2);
  CHECK(scene.answer(1, second).at("result").at("did") == 3);
  CHECK(scene.mux.held_bytes() == 0);
}

TEST_CASE("pause: a request that Fetch holds goes on, or a command under way might wait for it") {
  Scene scene({"P1"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  scene.mux.pause(Mux::Meanwhile::refused);
  auto const refused = scene.ask(1, "Test.do", {{"serial", 1}}, session);
  CHECK(scene.answer(1, refused).at("error").at("message") ==
        "Another controller drives the runtime");
  CHECK(scene.answer(1, refused).at("sessionId") == session);
  auto const on = scene.ask(1, "Fetch.continueRequest", {{"requestId", "x"}}, session);
  CHECK(scene.heard[1].answers[on].size() == 1);
  scene.mux.go_on();
  auto const after = scene.ask(1, "Test.do", {{"serial", 2}}, session);
  CHECK(scene.answer(1, after).at("result").at("did") == 2);
}

TEST_CASE("pause: the moment behind the last answer, once") {
  Scene scene({"P1"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  int quiet = 0;
  scene.send(1, "Test.do", {{"serial", 1}}, session);
  auto const last = scene.send(1, "Test.do", {{"serial", 2}}, session);
  scene.mux.when_quiet([&] {
    ++quiet;
    CHECK(scene.heard[1].answers[last].size() == 1);
    scene.mux.pause(Mux::Meanwhile::held);
  });
  scene.pump();
  CHECK(quiet == 1);
  scene.mux.go_on();
  scene.ask(1, "Test.do", {{"serial", 3}}, session);
  CHECK(quiet == 1);
}

TEST_CASE("resume: contexts are void at the loss, not at the return") {
  Scene scene({"P1"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  scene.ask(1, "Runtime.enable", json::object(), session);
  scene.cut();
  auto const& events = scene.heard[1].events;
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().at("method") == "Runtime.executionContextsCleared");
  CHECK(events.back().at("sessionId") == session);
  auto const count = events.size();
  scene.resume();
  scene.pump();
  for (auto i = count; i < events.size(); ++i)
    CHECK(events[i].at("method") != "Runtime.executionContextsCleared");
}

TEST_CASE("resume: a document that came unheard begins, then is there, then has loaded") {
  Scene scene({"P1"});
  scene.join(1);
  scene.ask(1, "Target.setAutoAttach", kAutoAttach);
  auto const session = scene.session_of(1, "P1");
  scene.chrome.load("P1", "L1");
  scene.ask(1, "Page.enable", json::object(), session);
  scene.ask(1, "Page.getFrameTree", json::object(), session);
  scene.ask(1, "Page.setLifecycleEventsEnabled", {{"enabled", true}}, session);
  scene.cut();
  SUBCASE("while there was no connection") {
    scene.chrome.load("P1", "L2");
  }
  // Clients that hear of the load before the beginning forget it.
  SUBCASE("while the session was made anew") {
    scene.chrome.load_before("Page.enable", "P1", "L2");
  }
  SUBCASE("when half of it was told") {
    scene.chrome.load_before("Page.setLifecycleEventsEnabled", "P1", "L2");
  }
  auto const before = scene.heard[1].events.size();
  scene.resume();
  scene.pump();
  REQUIRE(scene.resumed == "");
  std::vector<std::string> last;
  for (auto i = before; i < scene.heard[1].events.size(); ++i) {
    auto const& event = scene.heard[1].events[i];
    auto const& params = event.at("params");
    if (params.value("loaderId", "") == "L2") last.push_back(params.at("name"));
    if (event.at("method") == "Page.frameNavigated") last.push_back("navigated");
  }
  REQUIRE(last.size() >= 3);
  last.erase(last.begin(), last.end() - 3);
  CHECK(last == std::vector<std::string>{"init", "navigated", "load"});
}

}  // namespace bridge::cdp
