#include "cdp/discovery.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bridge::cdp {
namespace {

using nlohmann::json;

constexpr std::string_view kVersion =
    R"({"protocolVersion":"1.3","product":"Chrome/156.0.8078.79","revision":"@a21ce95c",)"
    R"("userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML,)"
    R"( like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36","jsVersion":"15.6.75.27"})";

void created(Discovery& discovery, std::string_view id, std::string_view type,
             std::string_view title = "t", std::string_view url = "u") {
  discovery.on_event(
      "Target.targetCreated",
      fmt::format(R"({{"targetInfo":{{"targetId":"{}","type":"{}","title":"{}","url":"{}",)"
                  R"("attached":false}}}})",
                  id, type, title, url));
}

std::vector<std::string> listed(Discovery const& discovery, bool with_tabs = false) {
  std::vector<std::string> out;
  for (auto const& entry : json::parse(discovery.list_json("h", with_tabs)))
    out.push_back(entry.at("id").get<std::string>());
  return out;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("discovery: /json/version reads as Chrome writes it") {
  Discovery discovery;
  CHECK_FALSE(discovery.version().known());
  discovery.set_version(kVersion);
  CHECK(discovery.version().known());
  CHECK(
      discovery.version_json("127.0.0.1:9222", "/devtools/browser/b1") ==
      "{\n"
      "   \"Browser\": \"Chrome/156.0.8078.79\",\n"
      "   \"File-Path-Style\": \"posix\",\n"
      "   \"Protocol-Version\": \"1.3\",\n"
      "   \"User-Agent\": \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
      "HeadlessChrome/156.0.0.0 Safari/537.36\",\n"
      "   \"V8-Version\": \"15.6.75.27\",\n"
      "   \"WebKit-Version\": \"537.36 (@a21ce95c)\",\n"
      "   \"webSocketDebuggerUrl\": \"ws://127.0.0.1:9222/devtools/browser/b1\"\n"
      "}\n");
}

TEST_CASE("discovery: the authority is the Host header as it came") {
  Discovery discovery;
  discovery.set_version(kVersion);
  created(discovery, "P", "page");
  auto const version = json::parse(discovery.version_json("LOCALHOST.:1", "/x"));
  CHECK(version.at("webSocketDebuggerUrl") == "ws://LOCALHOST.:1/x");
  auto const entry = json::parse(discovery.list_json("", false)).at(0);
  CHECK(entry.at("webSocketDebuggerUrl") == "ws:///devtools/page/P");
}

TEST_CASE("discovery: /json/list reads as Chrome writes it") {
  Discovery discovery;
  discovery.set_version(kVersion);
  CHECK(discovery.list_json("h:1", false) == "[  ]\n");
  created(discovery, "P1", "page", "A&B <\\\"it's\\\"> \\u2028", "http://x/?a=1&b=<2>");
  CHECK(discovery.list_json("h:1", false) ==
        "[ {\n"
        "   \"description\": \"\",\n"
        "   \"devtoolsFrontendUrl\": "
        "\"https://chrome-devtools-frontend.appspot.com/serve_rev/@a21ce95c/"
        "inspector.html?ws=h:1/devtools/page/P1\",\n"
        "   \"id\": \"P1\",\n"
        "   \"title\": \"A&amp;B &lt;&quot;it&#39;s&quot;&gt; \\u2028\",\n"
        "   \"type\": \"page\",\n"
        "   \"url\": \"http://x/?a=1&b=\\u003C2>\",\n"
        "   \"webSocketDebuggerUrl\": \"ws://h:1/devtools/page/P1\"\n"
        "} ]\n");
  created(discovery, "W1", "service_worker");
  auto const text = discovery.list_json("h:1", false);
  CHECK(text.find("}, {\n") != std::string::npos);
  CHECK(json::parse(text).at(0).at("devtoolsFrontendUrl") ==
        "https://chrome-devtools-frontend.appspot.com/serve_rev/@a21ce95c/worker_app.html?ws=h:1/"
        "devtools/page/W1");
  auto const* page = discovery.find("P1");
  REQUIRE(page != nullptr);
  auto const alone = discovery.target_json(*page, "h:1");
  CHECK(alone.starts_with("{\n   \"description\""));
  CHECK(alone.ends_with("\n}\n"));
}

TEST_CASE("discovery: odd characters are escaped as Chrome escapes them") {
  Discovery discovery;
  created(discovery, "P", "page", "t", R"(\u0001\b\f\n\r\t\\\"/<>\u2029\u00e9\ud83d\ude00)");
  auto const text = discovery.list_json("h", false);
  CHECK(text.find(R"("url": "\u0001\b\f\n\r\t\\\"/\u003C>\u2029)"
                  "\xc3\xa9\xf0\x9f\x98\x80\"") != std::string::npos);
}

TEST_CASE("discovery: the most recently used target comes first, Chrome's own UI last") {
  Discovery discovery;
  created(discovery, "t1", "page");
  created(discovery, "ui", "browser_ui");
  created(discovery, "t2", "page");
  created(discovery, "t3", "page");
  created(discovery, "t4", "page");
  CHECK(listed(discovery) == Ids{"t4", "t3", "t2", "t1", "ui"});
  discovery.note_activity("t2");
  CHECK(listed(discovery) == Ids{"t2", "t4", "t3", "t1", "ui"});
  discovery.note_activity("ui");
  discovery.note_activity("unknown");
  CHECK(listed(discovery) == Ids{"t2", "t4", "t3", "t1", "ui"});
}

TEST_CASE("discovery: a new title does not move a target to the front") {
  Discovery discovery;
  created(discovery, "t1", "page");
  created(discovery, "t2", "page");
  discovery.on_event(
      "Target.targetInfoChanged",
      R"({"targetInfo":{"targetId":"t1","type":"page","title":"new","url":"v","attached":true}})");
  CHECK(listed(discovery) == Ids{"t2", "t1"});
  CHECK(discovery.find("t1")->title == "new");
  CHECK(discovery.find("t1")->url == "v");
}

TEST_CASE("discovery: targets without a page of their own are not listed, tabs on demand") {
  Discovery discovery;
  for (std::string_view const type :
       {"browser", "worklet", "shared_storage_worklet", "auction_worklet"})
    created(discovery, type, type);
  created(discovery, "tab1", "tab");
  created(discovery, "P", "page");
  created(discovery, "S", "shared_worker");
  created(discovery, "F", "iframe");
  CHECK(listed(discovery) == Ids{"F", "S", "P"});
  CHECK(listed(discovery, true) == Ids{"F", "S", "P", "tab1"});
}

TEST_CASE("discovery: dedicated workers stand last and name what they are part of") {
  Discovery discovery;
  discovery.on_event("Target.targetCreated",
                     R"({"targetInfo":{"targetId":"W1","type":"worker","parentId":"P"}})");
  created(discovery, "W2", "worker");
  created(discovery, "P", "page");
  created(discovery, "U", "browser_ui");
  CHECK(listed(discovery) == Ids{"P", "U", "W1", "W2"});
  CHECK(discovery.find("W1")->parent == "P");
}

TEST_CASE("discovery: a tab stands behind its page") {
  Discovery discovery;
  created(discovery, "old page", "page", "A", "a");  // these four were there before us
  created(discovery, "old tab", "tab", "A", "a");
  created(discovery, "older page", "page", "B", "b");
  created(discovery, "older tab", "tab", "B", "b");
  created(discovery, "new tab", "tab", "", "");
  created(discovery, "new page", "page", "", "c");
  created(discovery, "lone tab", "tab", "", "");
  CHECK(listed(discovery, true) ==
        Ids{"new page", "new tab", "older page", "older tab", "old page", "old tab", "lone tab"});
  discovery.note_activity("old page");
  CHECK(listed(discovery, true) ==
        Ids{"old page", "old tab", "new page", "new tab", "older page", "older tab", "lone tab"});
}

TEST_CASE("discovery: a frame in a process of its own names its parent, a page does not") {
  Discovery discovery;
  discovery.on_event(
      "Target.targetCreated",
      R"({"targetInfo":{"targetId":"F","type":"iframe","title":"","url":"","parentFrameId":"P"}})");
  discovery.on_event(
      "Target.targetCreated",
      R"({"targetInfo":{"targetId":"Q","type":"page","title":"","url":"","parentFrameId":"P"}})");
  auto const list = json::parse(discovery.list_json("h", false));
  CHECK_FALSE(list.at(0).contains("parentId"));
  CHECK(list.at(1).at("parentId") == "P");
}

TEST_CASE("discovery: destroyed targets go, unknown and broken events change nothing") {
  Discovery discovery;
  created(discovery, "t1", "page");
  created(discovery, "t2", "page");
  discovery.on_event("Target.targetDestroyed", R"({"targetId":"t1"})");
  discovery.on_event("Target.targetDestroyed", R"({"targetId":"t9"})");
  discovery.on_event("Target.targetDestroyed", "{}");
  discovery.on_event("Target.targetCreated", "{}");
  discovery.on_event("Target.targetCreated", R"({"targetInfo":{}})");
  discovery.on_event("Target.targetCreated", "[");
  discovery.on_event("Target.attachedToTarget", R"({"targetInfo":{"targetId":"t3"}})");
  CHECK(listed(discovery) == Ids{"t2"});
  CHECK(discovery.find("t1") == nullptr);
  discovery.clear_targets();
  CHECK(discovery.size() == 0);
}

TEST_CASE("discovery: a fresh list brings titles no event told, neither adds nor removes") {
  Discovery discovery;
  created(discovery, "t1", "page");
  created(discovery, "t2", "page");
  discovery.refresh(R"({"targetInfos":[{"targetId":"t9","title":"new"}, )"
                    R"({"targetId":"t1","type":"page","title":"later","url":"http://x/"}]})");
  CHECK(discovery.find("t1")->title == "later");
  CHECK(discovery.find("t1")->url == "http://x/");
  CHECK(discovery.find("t2") != nullptr);
  CHECK(discovery.find("t9") == nullptr);
}

TEST_CASE("discovery: a fresh list that is broken changes nothing") {
  Discovery discovery;
  created(discovery, "t1", "page");
  for (auto const* result :
       {"", "{}", "[", R"({"targetInfos":1})", R"({"targetInfos":[)", R"({"targetInfos":[{]})",
        R"({"targetInfos":[{"targetId":"t1","title":"half)"})
    discovery.refresh(result);
  CHECK(discovery.size() == 1);
  CHECK(discovery.find("t1")->title.find("half") == std::string::npos);
}

}  // namespace bridge::cdp
