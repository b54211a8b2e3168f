#include "cdp/session_state.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace bridge::cdp;
using Lifecycle = FrameTree::Lifecycle;

namespace {

void note(SessionState& state, std::string const& method, std::string const& params = "",
          std::string const& result = "{}") {
  state.note(method, trait_of(method), params, result);
}

std::vector<std::string> said(SessionState const& state) {
  std::vector<std::string> out;
  for (auto const& each : state.said()) out.push_back(each.method + each.params);
  return out;
}

std::string frame(std::string const& id, std::string const& loader, std::string const& url,
                  std::string const& parent = "") {
  auto const below = parent.empty() ? "" : R"("parentId":")" + parent + R"(",)";
  return R"({"id":")" + id + R"(",)" + below + R"("loaderId":")" + loader + R"(","url":")" + url +
         R"("})";
}

std::string tree(std::string const& root, std::string const& children = "") {
  return R"({"frameTree":{"frame":)" + root +
         (children.empty() ? "" : R"(,"childFrames":[)" + children + "]") + "}}";
}

}  // namespace

TEST_CASE("session state: the last of a setting counts, and a disable takes its domain back") {
  SessionState state;
  note(state, "Network.enable");
  note(state, "Emulation.setLocaleOverride", R"({"locale":"de"})");
  note(state, "Emulation.setLocaleOverride", R"({"locale":"fr"})");
  note(state, "Network.setExtraHTTPHeaders", R"({"headers":{}})");
  note(state, "Runtime.evaluate", R"({"expression":"1"})");
  CHECK(said(state) == std::vector<std::string>{"Network.enable",
                                                R"(Emulation.setLocaleOverride{"locale":"fr"})",
                                                R"(Network.setExtraHTTPHeaders{"headers":{}})"});
  CHECK(state.has("Network.enable"));
  note(state, "Network.disable");
  CHECK_FALSE(state.has("Network.enable"));
  CHECK(said(state) == std::vector<std::string>{R"(Emulation.setLocaleOverride{"locale":"fr"})"});
}

TEST_CASE("session state: scripts are known by what the answer calls them") {
  SessionState state;
  std::string const add = "Page.addScriptToEvaluateOnNewDocument";
  note(state, add, R"({"source":"a"})", R"({"identifier":"1"})");
  note(state, add, R"({"source":"a"})", R"({"identifier":"2"})");
  note(state, add, R"({"source":"b"})", R"({"identifier":"3"})");
  CHECK(state.said().size() == 3);
  note(state, "Page.removeScriptToEvaluateOnNewDocument", R"({"identifier":"2"})");
  // Those behind it keep their numbers.
  CHECK(said(state) == std::vector<std::string>{add + R"({"source":"a"})", add + R"({"source":""})",
                                                add + R"({"source":"b"})"});
  note(state, "Runtime.addBinding", R"({"name":"x"})");
  note(state, "Runtime.addBinding", R"({"name":"x"})");
  note(state, "Runtime.addBinding", R"({"name":"y"})");
  CHECK(state.said().size() == 5);
  note(state, "Runtime.removeBinding", R"({"name":"x"})");
  CHECK(said(state).back() == R"(Runtime.addBinding{"name":"y"})");
}

TEST_CASE("session state: what is too much to be kept is given up, and known to be") {
  SessionState state;
  std::string const large(1 << 20, 'x');
  for (int i = 0; i < 20; ++i)
    note(state, "Page.addScriptToEvaluateOnNewDocument", R"({"source":")" + large + R"("})",
         R"({"identifier":")" + std::to_string(i) + R"("})");
  CHECK(state.overflowed());
}

TEST_CASE("frame tree: what happened unheard is told in the events that Chrome would have sent") {
  FrameTree frames;
  // Nothing known, nothing to catch up.
  CHECK(frames.catch_up(tree(frame("F", "L1", "http://a/")), Lifecycle::told).empty());
  CHECK(frames.catch_up(tree(frame("F", "L1", "http://a/")), Lifecycle::told).empty());

  SUBCASE("a new document, of whose beginning a client of lifecycles hears first") {
    auto const next = tree(frame("F", "L2", "http://b/"));
    auto other = frames;
    CHECK(
        frames.catch_up(next, Lifecycle::told) ==
        std::vector<std::string>{
            R"({"method":"Page.lifecycleEvent","params":{"frameId":"F","loaderId":"L2","name":"init","timestamp":0})",
            R"({"method":"Page.frameNavigated","params":{"frame":{"id":"F","loaderId":"L2","url":"http://b/"},"type":"Navigation"})"});
    CHECK(other.catch_up(next, Lifecycle::untold).size() == 1);
    CHECK(frames.catch_up(next, Lifecycle::told).empty());
  }
  SUBCASE("the same document under another address") {
    CHECK(
        frames.catch_up(tree(frame("F", "L1", "http://a/#x")), Lifecycle::told) ==
        std::vector<std::string>{
            R"({"method":"Page.navigatedWithinDocument","params":{"frameId":"F","url":"http://a/#x","navigationType":"other"})"});
    frames.on_event("Page.navigatedWithinDocument", R"({"frameId":"F","url":"http://a/#y"})");
    CHECK(frames.catch_up(tree(frame("F", "L1", "http://a/#y")), Lifecycle::told).empty());
  }
  SUBCASE("a frame that came, and one that went") {
    auto const with = tree(frame("F", "L1", "http://a/"),
                           R"({"frame":)" + frame("C", "L3", "http://c/", "F") + "}");
    auto const came = frames.catch_up(with, Lifecycle::untold);
    REQUIRE(came.size() == 2);
    CHECK(came[0] ==
          R"({"method":"Page.frameAttached","params":{"frameId":"C","parentFrameId":"F"})");
    CHECK(came[1].find(R"("method":"Page.frameNavigated")") != std::string::npos);
    CHECK(frames.catch_up(tree(frame("F", "L1", "http://a/")), Lifecycle::untold) ==
          std::vector<std::string>{
              R"({"method":"Page.frameDetached","params":{"frameId":"C","reason":"remove"})"});
  }
  SUBCASE("what was heard is not told again") {
    frames.on_event("Page.frameNavigated", R"({"frame":)" + frame("F", "L2", "http://b/") + "}");
    frames.on_event("Page.frameAttached", R"({"frameId":"C","parentFrameId":"F"})");
    // A new frame's empty document is never told.
    auto const with = tree(frame("F", "L2", "http://b/"),
                           R"({"frame":)" + frame("C", "L3", "about:blank", "F") + "}");
    CHECK(frames.catch_up(with, Lifecycle::told).empty());
    frames.on_event("Page.frameDetached", R"({"frameId":"C"})");
    CHECK(frames.catch_up(tree(frame("F", "L2", "http://b/")), Lifecycle::told).empty());
  }
}
