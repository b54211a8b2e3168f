#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cdp/mux.hpp"
#include "tests/fakes/mux_record.hpp"

// What the mux remembers for clients that share one browser: waiting targets, paused requests,
// download folders, orphans.

namespace bridge::cdp {
namespace {

constexpr ClientId kAnn{1};
constexpr ClientId kBob{2};

struct Bench {
  Bench() {
    join(kAnn, "ANN");
    join(kBob, "BOB");
  }
  void join(ClientId who, std::string_view root) {
    mux.join(who, "", [](Mux::Answer const&) {});
    auto const sent = last_up();
    mux.from_upstream(fmt::format(R"({{"id":{},"result":{{"sessionId":"{}"}}}})",
                                  sent.at("id").get<int>(), root));
    (void)record.take();
  }
  nlohmann::json last_up() {
    auto const lines = record.take();
    REQUIRE_FALSE(lines.empty());
    return nlohmann::json::parse(lines.back().substr(3));
  }
  /// What went up, as "method on session params".
  std::vector<std::string> ups() {
    std::vector<std::string> out;
    for (auto const& line : record.take()) {
      if (!line.starts_with("up ")) continue;
      auto const sent = nlohmann::json::parse(line.substr(3));
      out.push_back(fmt::format("{} {} {}", sent.at("method").get<std::string>(),
                                sent.value("sessionId", "-"), sent["params"].dump()));
    }
    return out;
  }
  void attached(std::string_view parent, std::string_view child, std::string_view info,
                bool waiting) {
    mux.from_upstream(
        fmt::format(R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}",)"
                    R"("targetInfo":{},"waitingForDebugger":{}}},"sessionId":"{}"}})",
                    child, info, waiting, parent));
  }
  void command(ClientId who, std::string_view method, std::string_view params,
               std::string_view session = "") {
    auto const member =
        session.empty() ? std::string() : fmt::format(R"(,"sessionId":"{}")", session);
    mux.from_client(
        who, fmt::format(R"({{"id":1,"method":"{}","params":{}{}}})", method, params, member));
  }
  std::vector<std::string> held() {
    std::vector<std::string> out;
    for (auto const& hold : mux.holds().all())
      out.push_back(fmt::format("{} {} {}", static_cast<std::uint64_t>(hold.client), hold.target,
                                hold.request));
    return out;
  }

  test::MuxRecord record;
  Mux mux{record};
};

using Lines = std::vector<std::string>;
constexpr std::string_view kPage = R"({"targetId":"T","type":"page","browserContextId":"X"})";

}  // namespace

TEST_CASE("mux: a target waits until its client says go on, or the session ends") {
  Bench bench;
  bench.attached("ANN", "A1", kPage, false);
  CHECK(bench.held().empty());
  bench.attached("ANN", "A2", kPage, true);
  bench.attached("BOB", "B1", kPage, true);
  CHECK(bench.held() == Lines{"1 T ", "2 T "});
  bench.command(kBob, "Runtime.runIfWaitingForDebugger", "{}", "B1");
  CHECK(bench.held() == Lines{"1 T "});
  bench.mux.from_upstream(
      R"({"method":"Target.detachedFromTarget","params":{"sessionId":"A2"},"sessionId":"ANN"})");
  CHECK(bench.held().empty());
}

TEST_CASE("mux: a paused request waits for each kind of answer, and for every stage anew") {
  Bench bench;
  bench.attached("ANN", "A1", kPage, false);
  auto const pause = [&](std::string_view id) {
    bench.mux.from_upstream(fmt::format(
        R"({{"method":"Fetch.requestPaused","params":{{"requestId":"{}"}},"sessionId":"A1"}})",
        id));
  };
  for (std::string_view const method :
       {"Fetch.continueRequest", "Fetch.continueResponse", "Fetch.continueWithAuth",
        "Fetch.failRequest", "Fetch.fulfillRequest"}) {
    CAPTURE(method);
    pause("r1");
    pause("r1");
    CHECK(bench.held() == Lines{"1 T r1"});
    bench.command(kAnn, method, R"({"requestId":"other"})", "A1");
    CHECK(bench.held().size() == 1);
    bench.command(kAnn, method, R"({"requestId":"r1"})", "A1");
    CHECK(bench.held().empty());
  }
  pause("r1");
  pause("r2");
  bench.attached("ANN", "A1", kPage, true);
  bench.command(kAnn, "Fetch.disable", "{}", "A1");
  CHECK(bench.held() == Lines{"1 T "});
}

TEST_CASE("mux: a refused answer to a paused request leaves it paused, unless it was not") {
  Bench bench;
  auto const pause = [&](std::string_view id) {
    bench.mux.from_upstream(fmt::format(
        R"({{"method":"Fetch.requestPaused","params":{{"requestId":"{}"}},"sessionId":"ANN"}})",
        id));
    (void)bench.record.take();
  };
  auto const fulfill = [&] {
    bench.command(kAnn, "Fetch.fulfillRequest", R"({"requestId":"r1"})");
    CHECK(bench.held() == Lines{"1  r2"});
    return bench.last_up().at("id").get<int>();
  };
  auto const answer = [&](int id, std::string_view what) {
    bench.mux.from_upstream(fmt::format(R"({{"id":{},{},"sessionId":"ANN"}})", id, what));
  };
  pause("r1");
  pause("r2");
  auto const number = bench.mux.holds().all().front().number;
  answer(fulfill(), R"("error":{"code":-32602,"message":"Invalid header"})");
  CHECK(bench.held() == Lines{"1  r1", "1  r2"});
  CHECK(bench.mux.holds().all().front().number == number);
  SUBCASE("granted") {
    answer(fulfill(), R"("result":{})");
    CHECK(bench.held() == Lines{"1  r2"});
  }
  SUBCASE("refused because nothing is paused") {
    answer(fulfill(), R"("error":{"code":-32602,"message":"Invalid InterceptionId."})");
    CHECK(bench.held() == Lines{"1  r2"});
  }
  SUBCASE("refused because the session is not there") {
    answer(fulfill(), R"("error":{"code":-32001,"message":"Session with given id not found."})");
    CHECK(bench.held() == Lines{"1  r2"});
  }
  SUBCASE("granted, after it has paused again") {
    auto const id = fulfill();
    pause("r1");
    answer(id, R"("result":{})");
    CHECK(bench.held() == Lines{"1  r2", "1  r1"});
  }
  SUBCASE("refused, after the session went") {
    auto const id = fulfill();
    bench.mux.leave(kAnn);
    answer(id, R"("error":{"code":-32602,"message":"Invalid header"})");
    CHECK(bench.held().empty());
  }
  SUBCASE("a pause that comes again under its id is one") {
    auto const id = fulfill();
    pause("r1");
    answer(id, R"("error":{"code":-32602,"message":"Invalid header"})");
    CHECK(bench.held() == Lines{"1  r2", "1  r1"});
  }
}

TEST_CASE("mux: who leaves holds nothing") {
  Bench bench;
  bench.attached("ANN", "A1", kPage, true);
  bench.mux.leave(kAnn);
  CHECK(bench.held().empty());
}

TEST_CASE("mux: a download folder is set again when a later setter leaves") {
  Bench bench;
  bench.command(kAnn, "Browser.setDownloadBehavior", R"({"behavior":"allow","downloadPath":"/a"})");
  bench.command(kBob, "Browser.setDownloadBehavior", R"({"behavior":"allow","downloadPath":"/b"})");
  (void)bench.record.take();
  bench.mux.leave(kBob);
  CHECK(bench.ups() ==
        Lines{R"(Target.detachFromTarget - {"sessionId":"BOB"})",
              R"(Browser.setDownloadBehavior ANN {"behavior":"allow","downloadPath":"/a"})"});
}

TEST_CASE("mux: a download folder is not set again for nothing") {
  Bench bench;
  auto const set = [&](ClientId who, std::string_view params, std::string_view session = "") {
    bench.command(who, "Browser.setDownloadBehavior", params, session);
  };
  SUBCASE("an earlier setter leaves") {
    set(kBob, R"({"behavior":"deny"})");
    set(kAnn, R"({"behavior":"allow"})");
  }
  SUBCASE("the other one spoke of another context") {
    set(kAnn, R"({"behavior":"allow","browserContextId":"C1"})");
    set(kBob, R"({"behavior":"deny"})");
  }
  SUBCASE("the earlier setting was the leaver's own") {
    bench.attached("BOB", "B1", R"({"targetId":"b","type":"browser"})", false);
    set(kBob, R"({"behavior":"allow"})", "B1");
    set(kBob, R"({"behavior":"deny"})");
  }
  (void)bench.record.take();
  bench.mux.leave(kBob);
  CHECK(bench.ups() == Lines{R"(Target.detachFromTarget - {"sessionId":"BOB"})"});
}

TEST_CASE("mux: the setting before the last is found behind those that went too") {
  Bench bench;
  bench.command(kAnn, "Browser.setDownloadBehavior", R"({"behavior":"allow"})");
  bench.attached("BOB", "B1", R"({"targetId":"b","type":"browser"})", false);
  bench.command(kBob, "Browser.setDownloadBehavior", R"({"behavior":"default"})", "B1");
  bench.command(kBob, "Browser.setDownloadBehavior", R"({"behavior":"deny"})");
  (void)bench.record.take();
  bench.mux.leave(kBob);
  CHECK(bench.ups().back() == R"(Browser.setDownloadBehavior ANN {"behavior":"allow"})");
}

TEST_CASE("mux: a session that is detached by itself hands its download folder back as well") {
  Bench bench;
  bench.attached("BOB", "B1", R"({"targetId":"b","type":"browser"})", false);
  bench.command(kAnn, "Browser.setDownloadBehavior", R"({"behavior":"allow"})");
  bench.command(kBob, "Browser.setDownloadBehavior", R"({"behavior":"deny"})", "B1");
  (void)bench.record.take();
  bench.mux.from_upstream(
      R"({"method":"Target.detachedFromTarget","params":{"sessionId":"B1"},"sessionId":"BOB"})");
  CHECK(bench.ups() == Lines{R"(Browser.setDownloadBehavior ANN {"behavior":"allow"})"});
}

TEST_CASE("mux: a service worker without a context is hidden, and let go of") {
  Bench bench;
  constexpr std::string_view kOrphan = R"({"targetId":"W","type":"service_worker"})";
  for (std::string_view const method : {"Target.targetCreated", "Target.targetInfoChanged"})
    bench.mux.from_upstream(fmt::format(
        R"({{"method":"{}","params":{{"targetInfo":{}}},"sessionId":"ANN"}})", method, kOrphan));
  CHECK(bench.record.take().empty());
  bench.attached("ANN", "A1", kOrphan, true);
  CHECK(bench.ups() == Lines{R"(Target.detachFromTarget ANN {"sessionId":"A1"})"});
  CHECK(bench.held().empty());
  CHECK(bench.mux.sessions() == 2);
  bench.attached("ANN", "A2", R"({"targetId":"W2","type":"service_worker","browserContextId":"X"})",
                 false);
  CHECK(bench.mux.sessions() == 3);
  CHECK(bench.record.take().size() == 1);
}

TEST_CASE("mux: what a session that is not flat lets go is not held any more") {
  Bench bench;
  bench.attached("ANN", "A1", kPage, true);
  CHECK(bench.held().size() == 1);
  bench.command(
      kBob, "Target.sendMessageToTarget",
      R"({"sessionId":"A1","message":"{\"id\":1,\"method\":\"Runtime.runIfWaitingForDebugger\"}"})");
  CHECK(bench.held().size() == 1);
  bench.command(
      kAnn, "Target.sendMessageToTarget",
      R"({"sessionId":"A1","message":"{\"id\":1,\"method\":\"Runtime.runIfWaitingForDebugger\"}"})");
  CHECK(bench.held().empty());
}

TEST_CASE("mux: thousands of download folders go with their client in no time") {
  Bench bench;
  constexpr int kMany = 100'000;
  for (int i = 0; i < kMany; ++i)
    bench.command(kAnn, "Browser.setDownloadBehavior",
                  fmt::format(R"({{"behavior":"allow","browserContextId":"{}"}})", i));
  bench.command(kBob, "Browser.setDownloadBehavior",
                R"({"behavior":"deny","browserContextId":"0"})");
  bench.command(kBob, "Browser.setDownloadBehavior",
                R"({"behavior":"deny","browserContextId":"1"})");
  bench.command(kAnn, "Target.disposeBrowserContext", R"({"browserContextId":"1"})");
  (void)bench.record.take();
  bench.mux.leave(kBob);
  CHECK(bench.ups() ==
        Lines{R"(Target.detachFromTarget - {"sessionId":"BOB"})",
              R"(Browser.setDownloadBehavior ANN {"behavior":"allow","browserContextId":"0"})"});
  bench.mux.leave(kAnn);
  CHECK(bench.mux.sessions() == 0);
}

TEST_CASE("mux: a pause that Chrome has ended without a word is found out by asking") {
  Bench bench;
  int lasting = 0;
  auto const ask = [&](std::string_view error) {
    bench.mux.from_upstream(
        R"({"method":"Fetch.requestPaused","params":{"requestId":"R"},"sessionId":"ANN"})");
    (void)bench.record.take();
    Hold const hold = bench.mux.holds().all().front();
    bench.mux.ask_whether_paused(hold, [&] { ++lasting; });
    auto const sent = bench.last_up();
    CHECK(sent["method"] == "Fetch.getResponseBody");
    CHECK(sent["sessionId"] == "ANN");
    CHECK(sent["params"]["requestId"] == "R");
    bench.mux.from_upstream(
        fmt::format(R"({{"id":{},"error":{{"code":-32602,"message":"{}"}},"sessionId":"ANN"}})",
                    sent["id"].get<int>(), error));
  };
  ask("Can only get response body on requests captured after headers received.");
  CHECK(lasting == 1);
  CHECK(bench.held() == Lines{"1  R"});
  ask("Invalid InterceptionId.");
  CHECK(lasting == 1);
  CHECK(bench.held().empty());
}

}  // namespace bridge::cdp
