#include "local/event_translator.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

using namespace bridge;
using local::CdpEvent;
using local::Event;
using local::EventTranslator;
using local::Json;

namespace {

/// A translator that has seen a page P in context C with a frame of another site and a worker.
struct Site {
  EventTranslator translator{RunId{"run"}};

  Site() {
    attach("", "S1", R"({"targetId":"P","type":"page","browserContextId":"C"})");
    attach("S1", "S2", R"({"targetId":"F","type":"iframe","browserContextId":"C"})");
    attach("S2", "S3", R"({"targetId":"W","type":"worker","browserContextId":"C"})");
    attach("", "S4", R"({"targetId":"V","type":"service_worker","browserContextId":"C"})");
  }
  void attach(std::string parent, std::string session, std::string info) {
    Json const params{{"sessionId", session}, {"targetInfo", Json::parse(info)}};
    CHECK(translator.translate({"Target.attachedToTarget", parent, params}, {}).empty());
  }
  std::vector<Event> say(std::string_view method, std::string_view session, char const* params,
                         local::Timestamp when = {}) {
    auto const parsed = Json::parse(params);
    return translator.translate({method, session, parsed}, when);
  }
  /// The one event of it.
  Event one(std::string_view method, std::string_view session, char const* params,
            local::Timestamp when = {}) {
    auto const events = say(method, session, params, when);
    REQUIRE(events.size() == 1);
    return events.front();
  }
};

Json data_of(Event const& event) {
  return Json::parse(event.data.value());
}

constexpr local::Timestamp kLater{std::chrono::milliseconds(1500)};

}  // namespace

TEST_CASE("event translator: a request, its redirect and its response") {
  Site site;
  auto const asked = site.one("Network.requestWillBeSent", "S1",
                              R"({"requestId":"1","frameId":"P","type":"Document",
                                  "request":{"url":"http://a/","method":"GET"}})");
  CHECK(asked.type == "network.request");
  CHECK(asked.status == "started");
  CHECK(asked.run.value == "run");
  CHECK(asked.page == "P");
  CHECK(asked.context == "C");
  CHECK(data_of(asked) == Json{{"requestId", "1"},
                               {"method", "GET"},
                               {"url", "http://a/"},
                               {"resourceType", "Document"},
                               {"frameId", "P"}});
  auto const redirected = site.say("Network.requestWillBeSent", "S1",
                                   R"({"requestId":"1","type":"Document",
                                       "request":{"url":"http://b/","method":"GET"},
                                       "redirectResponse":{"url":"http://a/","status":302}})",
                                   kLater);
  REQUIRE(redirected.size() == 2);
  CHECK(redirected[0].type == "network.response");
  CHECK(data_of(redirected[0]).at("status") == 302);
  CHECK(data_of(redirected[0]).at("durationSeconds") == 1.5);
  CHECK(data_of(redirected[1]).at("url") == "http://b/");
  auto const answered = site.one("Network.responseReceived", "S1",
                                 R"({"requestId":"1","response":{"url":"http://b/","status":200,
                                     "mimeType":"text/html","fromDiskCache":true,
                                     "headers":{"Content-Length":"17"}}})");
  CHECK(answered.status == "received");
  CHECK(data_of(answered).at("bytes") == 17);
  CHECK(data_of(answered).at("fromCache") == true);
  CHECK(site.say("Network.loadingFinished", "S1", R"({"requestId":"1"})").empty());
}

TEST_CASE("event translator: a response whose request nobody saw brings one with it") {
  Site site;
  auto const events = site.say("Network.responseReceived", "S1",
                               R"({"requestId":"9","type":"Document",
                                   "response":{"url":"http://a/","status":200}})");
  REQUIRE(events.size() == 2);
  CHECK(events[0].type == "network.request");
  CHECK(data_of(events[0]).at("url") == "http://a/");
  CHECK(events[1].type == "network.response");
}

TEST_CASE("event translator: only a document's request can have been missed") {
  Site site;
  auto const answered = site.one("Network.responseReceived", "S1",
                                 R"({"requestId":"9","type":"Image",
                                     "response":{"url":"http://a/i","status":200}})");
  CHECK(answered.type == "network.response");
  CHECK_FALSE(data_of(answered).contains("durationSeconds"));
}

TEST_CASE("event translator: requests that never end are forgotten, the oldest first") {
  Site site;
  auto const ask = [&](int number) {
    auto const params =
        fmt::format(R"({{"requestId":"{}","request":{{"url":"http://a/"}}}})", number);
    site.one("Network.requestWillBeSent", "S1", params.c_str());
  };
  auto const is_known = [&](int number) {
    auto const params = fmt::format(R"({{"requestId":"{}","errorText":"x"}})", number);
    return data_of(site.one("Network.loadingFailed", "S1", params.c_str())).contains("url");
  };
  for (int i = 0; i < 20'001; ++i) ask(i);
  CHECK_FALSE(is_known(0));
  CHECK(is_known(1));
  CHECK(is_known(20'000));
}

TEST_CASE("event translator: the requests of a session go with it") {
  Site site;
  site.one("Network.requestWillBeSent", "S2",
           R"({"requestId":"7","request":{"url":"http://a/x","method":"POST"}})");
  site.say("Target.detachedFromTarget", "", R"({"sessionId":"S2"})");
  auto const failed = site.one("Network.loadingFailed", "S2", R"({"requestId":"7"})");
  CHECK_FALSE(data_of(failed).contains("url"));
}

TEST_CASE("event translator: a failure names its address and what blocked it") {
  Site site;
  site.one("Network.requestWillBeSent", "S2",
           R"({"requestId":"7","request":{"url":"http://a/x","method":"POST"}})");
  auto const failed = site.one("Network.loadingFailed", "S2",
                               R"({"requestId":"7","errorText":"","canceled":false,
                                   "blockedReason":"inspector"})",
                               kLater);
  CHECK(failed.type == "network.failed");
  CHECK(failed.page == "P");
  CHECK(data_of(failed) == Json{{"requestId", "7"},
                                {"url", "http://a/x"},
                                {"errorText", "blocked"},
                                {"blockedReason", "inspector"},
                                {"canceled", false},
                                {"durationSeconds", 1.5}});
}

TEST_CASE("event translator: frames and workers belong to their page, service workers to none") {
  Site site;
  auto const line = R"({"type":"log","args":[{"type":"string","value":"x"}]})";
  CHECK(site.one("Runtime.consoleAPICalled", "S2", line).page == "P");
  CHECK(site.one("Runtime.consoleAPICalled", "S3", line).page == "P");
  auto const service = site.one("Runtime.consoleAPICalled", "S4", line);
  CHECK_FALSE(service.page.has_value());
  CHECK(service.context == "C");
}

TEST_CASE("event translator: navigations of pages and frames, failed ones and within a document") {
  Site site;
  auto const whole = site.one("Page.frameNavigated", "S1",
                              R"({"type":"Navigation","frame":{"id":"P","url":"http://a/",
                                  "urlFragment":"#f"}})");
  CHECK(whole.type == "navigation");
  CHECK(whole.status == "finished");
  CHECK(
      data_of(whole) ==
      Json{{"url", "http://a/#f"}, {"frameId", "P"}, {"type", "Navigation"}, {"mainFrame", true}});
  auto const frame = site.one("Page.frameNavigated", "S2",
                              R"({"frame":{"id":"F","parentId":"P","url":"http://b/"}})");
  CHECK(data_of(frame).at("mainFrame") == false);
  auto const error = site.one("Page.frameNavigated", "S1",
                              R"({"frame":{"id":"P","url":"chrome-error://chromewebdata/",
                                  "unreachableUrl":"http://gone/"}})");
  CHECK(error.status == "failed");
  CHECK(data_of(error).at("url") == "http://gone/");
  auto const within =
      site.one("Page.navigatedWithinDocument", "S1", R"({"frameId":"P","url":"http://a/#b"})");
  CHECK(data_of(within).at("type") == "WithinDocument");
  CHECK(data_of(within).at("mainFrame") == true);
}

TEST_CASE("event translator: a console line is what a console would print") {
  Site site;
  auto const line = site.one("Runtime.consoleAPICalled", "S1", R"js({"type":"warning","args":[
      {"type":"string","value":"a \"b\""},
      {"type":"number","value":1},
      {"type":"number","unserializableValue":"NaN","description":"NaN"},
      {"type":"undefined"},
      {"type":"object","className":"Object","description":"Object","preview":{"overflow":true,
        "properties":[{"name":"x","type":"number","value":"1"},
                      {"name":"y","type":"string","value":"z"}]}},
      {"type":"object","subtype":"array","description":"Array(1)","preview":{"subtype":"array",
        "overflow":false,"properties":[{"name":"0","type":"boolean","value":"true"}]}}],
      "stackTrace":{"callFrames":[{"url":"http://a/s.js","lineNumber":4}]}})js");
  CHECK(line.type == "console.message");
  CHECK(data_of(line) == Json{{"level", "warning"},
                              {"text", "a \"b\" 1 NaN undefined {x: 1, y: 'z', …} [true]"},
                              {"url", "http://a/s.js"},
                              {"line", 5}});
  std::string const much(10'000, 'x');
  Json const argument{{"type", "string"}, {"value", much}};
  Json call{{"type", "log"}};
  call["args"].push_back(argument);
  auto const cut = site.one("Runtime.consoleAPICalled", "S1", call.dump().c_str());
  CHECK(data_of(cut).at("text").get<std::string>().size() < 5000);
}

TEST_CASE("event translator: an uncaught error has its message and its stack") {
  Site site;
  auto const thrown = site.one("Runtime.exceptionThrown", "S1", R"js({"exceptionDetails":{
      "text":"Uncaught","exception":{"type":"object","subtype":"error",
      "description":"Error: no\n    at f (http://a/:1:2)"},"url":"http://a/","lineNumber":0}})js");
  CHECK(thrown.type == "page.error");
  CHECK(data_of(thrown).at("message") == "Error: no");
  CHECK(data_of(thrown).at("stack") == "Error: no\n    at f (http://a/:1:2)");
  CHECK(data_of(thrown).at("line") == 1);
  auto const bare = site.one("Runtime.exceptionThrown", "S1", R"({"exceptionDetails":{
      "text":"Uncaught","exception":{"type":"string","value":"oh"}}})");
  CHECK(data_of(bare).at("message") == "Uncaught oh");
}

TEST_CASE("event translator: dialogs, crashes and the order of pages") {
  Site site;
  auto const open = site.one("Page.javascriptDialogOpening", "S1",
                             R"({"type":"confirm","message":"sure?","url":"http://a/"})");
  CHECK(open.status == "started");
  CHECK(data_of(open).at("kind") == "confirm");
  CHECK(data_of(open).at("handled") == false);
  auto const closed = site.one("Page.javascriptDialogClosed", "S1", R"({"result":true})");
  CHECK(closed.status == "finished");
  CHECK(data_of(closed) == Json{{"kind", "confirm"}, {"handled", true}, {"accepted", true}});
  auto const crash =
      site.one("Target.targetCrashed", "", R"({"targetId":"P","status":"crashed","errorCode":5})");
  CHECK(crash.page == "P");
  CHECK(data_of(crash) == Json{{"status", "crashed"}, {"errorCode", 5}});
  site.attach("", "S5", R"({"targetId":"Q","type":"page","browserContextId":"D"})");
  REQUIRE(site.translator.pages().size() == 2);
  CHECK(site.translator.pages().back().target == "Q");
  CHECK(site.say("Target.detachedFromTarget", "", R"({"sessionId":"S1"})").empty());
  CHECK(site.translator.pages().front().target == "Q");
}

TEST_CASE("event translator: a download begins, and ends once") {
  Site site;
  site.one("Page.frameNavigated", "S2", R"({"frame":{"id":"F","parentId":"P","url":"http://b/"}})");
  auto const began = site.one("Browser.downloadWillBegin", "",
                              R"({"guid":"g","frameId":"F","url":"http://b/f",
                                  "suggestedFilename":"f.bin"})");
  CHECK(began.type == "download");
  CHECK(began.status == "started");
  CHECK(began.page == "P");
  CHECK(site.say("Browser.downloadProgress", "", R"({"guid":"g","state":"inProgress"})").empty());
  auto const done = site.one("Browser.downloadProgress", "",
                             R"({"guid":"g","state":"completed","receivedBytes":4.0,
                                 "filePath":"/x/g"})",
                             kLater);
  CHECK(done.status == "finished");
  CHECK(done.page == "P");
  CHECK(data_of(done) == Json{{"guid", "g"},
                              {"url", "http://b/f"},
                              {"suggestedFilename", "f.bin"},
                              {"state", "completed"},
                              {"bytes", 4},
                              {"path", "/x/g"},
                              {"durationSeconds", 1.5}});
  CHECK(site.say("Browser.downloadProgress", "", R"({"guid":"g","state":"completed"})").empty());
  site.one("Browser.downloadWillBegin", "", R"({"guid":"h","url":"http://b/f"})");
  auto const canceled =
      site.one("Browser.downloadProgress", "", R"({"guid":"h","state":"canceled"})");
  CHECK(canceled.status == "failed");
}

TEST_CASE("event translator: long and data addresses are cut") {
  Site site;
  std::string const data_url = "data:image/png;base64," + std::string(5000, 'A');
  auto const params =
      Json{{"requestId", "1"}, {"request", {{"url", data_url}, {"method", "GET"}}}}.dump();
  auto const asked = site.one("Network.requestWillBeSent", "S1", params.c_str());
  CHECK(data_of(asked).at("url").get<std::string>().size() < 80);
}
