#include <doctest/doctest.h>

#include <sstream>

#include "backend_fixture.hpp"

using namespace bridge;
using namespace bridge::test;
using local::BackendOptions;

namespace {

constexpr auto kPage = R"({"method":"Target.attachedToTarget","params":{"sessionId":"S1",
    "targetInfo":{"targetId":"P","type":"page","browserContextId":"C"}}})";

/// A backend over a fake browser that has one page.
struct Paged {
  net::Loop loop;
  FakeDevtools devtools{loop};
  FakeBrowser browser{devtools};
  std::vector<json> pages{json{{"targetId", "P"}, {"type", "page"}, {"title", "T"}, {"url", "u"}}};

  template <class Body>
  void run(Body body) {
    devtools.answer = [this](json const& command) { return answer(command); };
    BackendOptions options;
    options.chromium = browser.program();
    with_backend(loop, std::move(options), std::move(body), [this] { return devtools.stop(); });
  }

  json answer(json const& command) {
    auto const method = command.at("method").get<std::string>();
    auto const params = command.value("params", json::object());
    if (method == "Target.setAutoAttach" && !command.contains("sessionId")) devtools.say(kPage);
    if (method == "Target.getTargets") return json{{"result", {{"targetInfos", pages}}}};
    if (method == "Target.createTarget") {
      if (params.at("url") == "bad")
        return json{{"error", {{"code", -32000}, {"message", "Cannot navigate"}}}};
      pages.push_back(json{{"targetId", "N"}, {"type", "page"}, {"url", params.at("url")}});
      return json{{"result", {{"targetId", "N"}}}};
    }
    if (method == "Target.closeTarget")
      std::erase_if(pages,
                    [&](json const& page) { return page.at("targetId") == params.at("targetId"); });
    return json{{"result", json::object()}};
  }

  void log(std::string const& text) {
    devtools.say_json(
        json{{"method", "Runtime.consoleAPICalled"},
             {"sessionId", "S1"},
             {"params", {{"type", "error"}, {"args", {{{"type", "string"}, {"value", text}}}}}}});
  }
};

/// The frames of a stream: {id?, event, data}.
std::vector<json> frames_of(std::string const& text) {
  std::vector<json> frames;
  json frame = json::object();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      frames.push_back(std::exchange(frame, json::object()));
      continue;
    }
    auto const colon = line.find(": ");
    frame[line.substr(0, colon)] = line.substr(colon + 2);
  }
  CHECK(frame.empty());
  for (auto& one : frames) one["data"] = json::parse(one.at("data").get<std::string>());
  return frames;
}

struct Streamed {
  net::HttpReply reply;
  bool ended = false;
};

awaitable<void> read_stream(Api& api, std::string target, Streamed& into) {
  into.reply = co_await api.text(std::move(target));
  into.ended = true;
}

/// Ends when the run has `count` events.
awaitable<json> events_of(Api& api, std::string run, std::size_t count) {
  for (;;) {
    auto target = "/v1/runs/" + run + "/events";
    auto const list = co_await api.get("RunEventListResponse", "GET", std::move(target));
    if (list.at("data").size() >= count) co_return list.at("data");
    co_await net::sleep_for(5ms);
  }
}

}  // namespace

TEST_CASE("runs: events are listed, filtered and counted") {
  Paged fake;
  fake.run([&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const run = started.at("runId").get<std::string>();
    fake.log("one");
    fake.log("two");
    auto const events = co_await events_of(api, run, 3);
    CHECK(events.at(0).at("type") == "runtime.lifecycle");
    CHECK(events.at(0).at("data").at("applied") == json::array());
    CHECK(events.at(1).at("data").at("text") == "one");
    CHECK(events.at(2).at("pageId") == "P");
    CHECK(events.at(2).at("contextId") == "C");
    auto const base = "/v1/runs/" + run;
    for (auto const& [query, count] : std::vector<std::pair<std::string, std::size_t>>{
             {"?type=console.message", 2},
             {"?type=console.message,runtime.lifecycle", 3},
             {"?status=started", 1},
             {"?pageId=P", 2},
             {"?contextId=none", 0},
             {"?limit=1", 1}}) {
      CAPTURE(query);
      auto const list = co_await api.get("RunEventListResponse", "GET", base + "/events" + query);
      CHECK(list.at("data").size() == count);
    }
    auto const got = co_await api.get("Run", "GET", base);
    CHECK(got.at("counts").at("events") == 3);
    auto const usage = co_await api.get("RunUsage", "GET", base + "/usage");
    CHECK(usage.at("runtimeSeconds") >= 0);
    auto const runs = co_await api.get("RunListResponse", "GET", "/v1/runtimes/" + id + "/runs");
    CHECK(runs.at("data").at(0).at("id") == run);
    auto const none = co_await api.send("GET", "/v1/runtimes/nope/runs");
    CHECK(none.code() == "runtime.not_found");
  });
}

TEST_CASE("runs: a stream brings events as they happen, with ids, until the run has ended") {
  Paged fake;
  fake.run([&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const run = started.at("runId").get<std::string>();
    auto const base = "/v1/runs/" + run;
    Streamed events;
    Streamed activity;
    net::Tasks tasks(scene.loop.executor());
    Api other(scene.loop, scene.backend);
    tasks.spawn("events", read_stream(other, base + "/events/stream", events));
    tasks.spawn("activity", read_stream(other, base + "/activity/stream", activity));
    fake.log("one");
    [[maybe_unused]] auto const seen = co_await events_of(api, run, 2);
    CHECK_FALSE(events.ended);
    [[maybe_unused]] auto const stopped = co_await api.stop(id);
    co_await tasks.join();

    CHECK(events.reply.status == 200);
    CHECK(events.reply.header("content-type") == "text/event-stream");
    CHECK_FALSE(events.reply.header("x-request-id").empty());
    auto const frames = frames_of(events.reply.body);
    REQUIRE(frames.size() == 4);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(frames[i].at("event") == "run.event");
      CHECK(violation_of("RunEvent", frames[i].at("data")) == "");
      CHECK(frames[i].at("id") == frames[i].at("data").at("id"));
    }
    CHECK(frames[1].at("data").at("data").at("text") == "one");
    CHECK(frames[2].at("data").at("status") == "stopped");
    CHECK(frames[3].at("event") == "run.ended");
    CHECK_FALSE(frames[3].contains("id"));
    CHECK(violation_of("SseRunEnded", frames[3].at("data")) == "");
    CHECK(frames[3].at("data").at("status") == "stopped");

    auto const lines = frames_of(activity.reply.body);
    REQUIRE(lines.size() == 4);
    CHECK(lines[1].at("event") == "run.activity");
    CHECK(violation_of("RunActivityItem", lines[1].at("data")) == "");
    CHECK(lines[1].at("data").at("message") == "Console error: one");

    // The run is over: what is left is replayed from where the reader was.
    auto const second = frames[1].at("id").get<std::string>();
    auto const replay = co_await api.text(base + "/events/stream?cursor=" + second);
    auto const rest = frames_of(replay.body);
    REQUIRE(rest.size() == 2);
    CHECK(rest[0].at("id") == frames[2].at("id"));
    net::HttpHeaders const seen_all{{"Last-Event-ID", frames[2].at("id").get<std::string>()}};
    auto const resumed = co_await api.text(base + "/events/stream", seen_all);
    CHECK(frames_of(resumed.body).size() == 1);
    auto const filtered = co_await api.text(base + "/events/stream?type=console.message");
    CHECK(frames_of(filtered.body).size() == 2);
  });
}

TEST_CASE("runs: a stream of nothing, and from nowhere") {
  Paged fake;
  fake.run([&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const missing = co_await api.send("GET", "/v1/runs/nope/events/stream");
    CHECK(missing.code() == "run.not_found");
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const base = "/v1/runs/" + started.at("runId").get<std::string>();
    auto const wrong = co_await api.send("GET", base + "/activity/stream?cursor=!");
    CHECK(wrong.status == 400);
    api.headers.emplace_back("Last-Event-ID", "!");
    auto const header = co_await api.send("GET", base + "/events/stream");
    CHECK(header.status == 400);
    CHECK(header.body.at("details").at("field") == "Last-Event-ID");
  });
}

TEST_CASE("runs: activity is listed in pages and by its filters") {
  Paged fake;
  fake.run([&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const run = started.at("runId").get<std::string>();
    for (auto const line : {"one", "two", "three"}) fake.log(line);
    [[maybe_unused]] auto const seen = co_await events_of(api, run, 4);
    auto const base = "/v1/runs/" + run + "/activity";
    auto const first = co_await api.get("RunActivityListResponse", "GET", base + "?limit=2");
    CHECK(first.at("data").at(1).at("message") == "Console error: one");
    auto const cursor = first.at("nextCursor").get<std::string>();
    auto const second =
        co_await api.get("RunActivityListResponse", "GET", base + "?cursor=" + cursor);
    CHECK(second.at("data").size() == 2);
    CHECK(second.at("nextCursor") == nullptr);
    auto const errors =
        co_await api.get("RunActivityListResponse", "GET", base + "?severity=error&limit=3");
    CHECK(errors.at("data").size() == 3);
    CHECK(errors.at("nextCursor") == nullptr);
    auto const none = co_await api.get("RunActivityListResponse", "GET", base + "?category=tool");
    CHECK(none.at("data").empty());
  });
}

TEST_CASE("targets: list, create, activate, close; not while the runtime is stopped") {
  Paged fake;
  fake.run([&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const base = "/v1/runtimes/" + id + "/targets";
    auto const stopped = co_await api.send("GET", base);
    CHECK(stopped.status == 409);
    CHECK(stopped.code() == "runtime.not_active");
    auto const unknown = co_await api.send("GET", "/v1/runtimes/nope/targets");
    CHECK(unknown.code() == "runtime.not_found");
    [[maybe_unused]] auto const started = co_await api.start(id);
    auto const list = co_await api.get("RuntimesTargetsListResponse", "GET", base);
    REQUIRE(list.at("data").size() == 1);
    CHECK(list.at("data").at(0) == json{{"id", "P"},
                                        {"runtimeId", id},
                                        {"type", "browser_page"},
                                        {"label", "T"},
                                        {"uri", "u"},
                                        {"active", true}});
    auto const made =
        co_await api.get("RuntimeTarget", "POST", base, R"({"uri":"http://a/"})", 201);
    CHECK(made.at("active") == true);
    CHECK(made.at("uri") == "http://a/");
    auto const before = co_await api.get("RuntimeTarget", "GET", base + "/P");
    CHECK(before.at("active") == false);
    auto const front = co_await api.get("RuntimeTarget", "POST", base + "/P/activate");
    CHECK(front.at("active") == true);
    auto const gone = co_await api.get("RuntimesTargetsDeleteResponse", "DELETE", base + "/N");
    CHECK(gone.at("id") == "N");
    auto const missing = co_await api.send("GET", base + "/N");
    CHECK(missing.status == 404);
    CHECK(missing.code() == "target.not_found");
    auto const again = co_await api.send("DELETE", base + "/N");
    CHECK(again.status == 404);
    auto const bad = co_await api.send("POST", base, R"({"uri":"bad"})");
    CHECK(bad.status == 400);
    CHECK(bad.body.at("details").at("field") == "uri");
    fake.devtools.answer = [&](json const&) -> json {
      fake.devtools.cut();
      return nullptr;
    };
    auto const cut = co_await api.send("GET", base);
    CHECK(cut.status == 503);
    CHECK(cut.code() == "runtime.host_unavailable");
  });
}
