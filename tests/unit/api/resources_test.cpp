#include <doctest/doctest.h>

#include <string>

#include "api/files.hpp"
#include "api/human_actions.hpp"
#include "api/invocations.hpp"
#include "api/run_views.hpp"
#include "api/targets.hpp"
#include "tests/fakes/http_script.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::api;
using test::HttpScript;

namespace {

/// A client beside a scripted server.
struct Bench {
  net::Loop loop;
  HttpScript server{loop};
  RestOptions options;
  RestClient rest{loop, net::Reach{}, Server::make(server.url(), Secret("key")).value(), options};

  ~Bench() { test::run(loop, server.stop()); }

  template <class T>
  ApiResult<T> get(awaitable<ApiResult<T>> call) {
    ApiResult<T> out = ApiError();
    auto body = [&]() -> awaitable<void> { out = co_await std::move(call); };
    test::drive(loop, body());
    return out;
  }
  /// Request line and body of the last request.
  std::string asked() const {
    auto const& last = server.seen().back();
    auto const line = last.line().substr(0, last.line().rfind(' '));
    return last.body.empty() ? line : line + " " + last.body;
  }
};

RuntimeId const kRuntime("rt/1");
RunId const kRun("run_1");

constexpr auto kInvocation =
    R"({"id":"inv_1","runId":"run_1","runtimeId":"rt/1","action":"act","status":"failed",
        "createdAt":"t","durationSeconds":1.5,"output":{"a":[1]},
        "error":{"code":"invocation.failed","message":"no such button"}})";

}  // namespace

TEST_CASE("targets: pages are listed, opened, looked at, activated and closed") {
  Bench bench;
  Targets targets(bench.rest);
  auto const one = R"({"id":"T1","runtimeId":"rt/1","type":"browser_page","label":"Home",
                       "uri":"http://x/","active":true})";
  bench.server.json(200, R"({"data":[{"id":"T1"},{"no":"id"}],"nextCursor":"c2"})");
  auto const list = bench.get(targets.list(kRuntime, "c1"));
  CHECK(bench.asked() == "GET /v1/runtimes/rt%2F1/targets?cursor=c1");
  REQUIRE(list.has_value());
  CHECK(list->data.size() == 1);
  CHECK(list->next_cursor == "c2");

  bench.server.json(201, one);
  auto const made = bench.get(targets.create(kRuntime, "http://x/", true));
  CHECK(bench.asked() == R"(POST /v1/runtimes/rt%2F1/targets {"activate":true,"uri":"http://x/"})");
  REQUIRE(made.has_value());
  CHECK(made->label == "Home");
  CHECK(made->active);
  bench.server.json(201, one);
  CHECK(bench.get(targets.create(kRuntime, "", false)).has_value());
  CHECK(bench.asked() == R"(POST /v1/runtimes/rt%2F1/targets {"activate":false})");
  bench.server.json(200, one);
  CHECK(bench.get(targets.get(kRuntime, "T/1"))->uri == "http://x/");
  CHECK(bench.asked() == "GET /v1/runtimes/rt%2F1/targets/T%2F1");
  bench.server.json(200, one);
  CHECK(bench.get(targets.activate(kRuntime, "T1"))->id == "T1");
  CHECK(bench.asked() == "POST /v1/runtimes/rt%2F1/targets/T1/activate");
  bench.server.json(200, R"({"id":"T1","deleted":true})");
  CHECK(bench.get(targets.close(kRuntime, "T1")).has_value());
  CHECK(bench.asked() == "DELETE /v1/runtimes/rt%2F1/targets/T1");
  bench.server.json(409, R"({"error":"stopped","code":"runtime.not_active"})");
  CHECK(bench.get(targets.close(kRuntime, "T1")).error().code == "runtime.not_active");
}

TEST_CASE("invocations: one is made once, waited for, looked at and cancelled") {
  Bench bench;
  Invocations invocations(bench.rest);
  bench.server.json(202, R"({"id":"inv_1","status":"queued","action":"act"})");
  auto const made = bench.get(invocations.create(kRuntime, R"({"action":"act"})", "key-1"));
  CHECK(bench.asked() == R"(POST /v1/runtimes/rt%2F1/invocations {"action":"act"})");
  CHECK(bench.server.seen().back().has("Idempotency-Key: key-1\r\n"));
  REQUIRE(made.has_value());
  CHECK_FALSE(made->ended());

  bench.server.json(200, R"({"id":"inv_1","status":"running","waitStatus":"timeout",
                             "retryAfterSeconds":0.5})");
  auto const early = bench.get(invocations.wait(kRuntime, InvocationId("inv_1"), 7s));
  CHECK(bench.asked() == R"(POST /v1/runtimes/rt%2F1/invocations/inv_1/wait {"timeoutSeconds":7})");
  REQUIRE(early.has_value());
  CHECK_FALSE(early->ended);
  CHECK(early->retry_after == 500ms);

  auto done = std::string(kInvocation);
  done.insert(1, R"("waitStatus":"completed",)");
  bench.server.json(200, done);
  auto const late = bench.get(invocations.wait(kRuntime, InvocationId("inv_1"), 7s));
  REQUIRE(late.has_value());
  CHECK(late->ended);
  CHECK(late->value.ended());
  CHECK(late->value.output_json == R"({"a":[1]})");
  CHECK(late->value.error_code == "invocation.failed");
  CHECK(late->value.error_message == "no such button");
  CHECK(late->value.duration_seconds == 1.5);

  bench.server.json(200, kInvocation);
  CHECK(bench.get(invocations.cancel(kRuntime, InvocationId("inv_1")))->run == kRun);
  CHECK(bench.asked() == "POST /v1/runtimes/rt%2F1/invocations/inv_1/cancel");
  bench.server.json(200, kInvocation);
  CHECK(bench.get(invocations.get(kRun, InvocationId("inv_1")))->runtime == kRuntime);
  CHECK(bench.asked() == "GET /v1/runs/run_1/invocations/inv_1");
  InvocationQuery query;
  query.run = kRun;
  query.status = {"running", "queued"};
  query.limit = 5;
  bench.server.json(200, R"({"data":[],"nextCursor":null})");
  CHECK(bench.get(invocations.list(query))->data.empty());
  CHECK(bench.asked() == "GET /v1/runs/run_1/invocations?status=running&status=queued&limit=5");
}

TEST_CASE("invocations: without a key a create is not sent twice") {
  Bench bench;
  Invocations invocations(bench.rest);
  bench.server.json(503, R"({"error":"down","code":"api.unavailable"})", "Retry-After: 0\r\n");
  CHECK_FALSE(bench.get(invocations.create(kRuntime, "{}", "")).has_value());
  CHECK(bench.server.seen().size() == 1);
}

TEST_CASE("human_actions: a person is asked, waited for, and no longer needed") {
  Bench bench;
  HumanActions actions(bench.rest);
  auto const one = R"({"id":"ha_1","runtimeId":"rt/1","runId":"run_1","message":"log in",
                       "status":"requested","createdAt":"t","expiresAt":"u"})";
  bench.server.json(201, one);
  auto const made = bench.get(actions.create(kRuntime, "log in", 60s, "k"));
  CHECK(bench.asked() ==
        R"(POST /v1/runtimes/rt%2F1/human-actions {"message":"log in","timeoutSeconds":60})");
  REQUIRE(made.has_value());
  CHECK(made->expires_at == "u");
  CHECK_FALSE(made->ended());
  bench.server.json(200, one);
  CHECK(bench.get(actions.get(kRuntime))->message == "log in");
  CHECK(bench.asked() == "GET /v1/runtimes/rt%2F1/human-actions");
  bench.server.json(200, R"({"id":"ha_1","status":"completed","waitStatus":"resolved"})");
  auto const waited = bench.get(actions.wait(kRuntime, 3s));
  REQUIRE(waited.has_value());
  CHECK(waited->ended);
  CHECK(waited->value.ended());
  bench.server.json(200, one);
  CHECK(bench.get(actions.complete(kRuntime)).has_value());
  CHECK(bench.asked() == "POST /v1/runtimes/rt%2F1/human-actions/complete");
  bench.server.json(404, R"({"error":"none","code":"human_action.not_found"})");
  CHECK(bench.get(actions.cancel(kRuntime)).error().is_not_found());
  CHECK(bench.asked() == "POST /v1/runtimes/rt%2F1/human-actions/cancel");
}

TEST_CASE("run_views: a run is watched, played back and read about") {
  Bench bench;
  RunViews views(bench.rest);
  bench.server.json(200, R"({"url":"https://x/canary","expiresAt":"t"})");
  auto const live = bench.get(views.live(kRun, true, 60s));
  CHECK(bench.asked() == R"(POST /v1/runs/run_1/live {"control":"input","expiresInSeconds":60})");
  REQUIRE(live.has_value());
  CHECK(live->url.reveal() == "https://x/canary");
  bench.server.json(200, R"({"url":null,"status":"not_available","expiresAt":null})");
  auto const recording = bench.get(views.recording(kRun, std::nullopt));
  CHECK(bench.asked() == "POST /v1/runs/run_1/recording {}");
  REQUIRE(recording.has_value());
  CHECK(recording->status == "not_available");
  bench.server.json(200, "{}");
  CHECK(bench.get(views.live(kRun, false, std::nullopt)).error().code == "api.error");

  ActivityQuery query;
  query.run = kRun;
  query.debug = true;
  query.category = {"network"};
  bench.server.json(200, R"({"data":[{"id":"1","type":"t","category":"network",
                                      "message":"m","data":{"a":1}}]})");
  auto const items = bench.get(views.activity(query));
  CHECK(bench.asked() == "GET /v1/runs/run_1/activity?view=debug&category=network");
  REQUIRE(items.has_value());
  CHECK(items->data.at(0).data_json == R"({"a":1})");
}

TEST_CASE("files: they are found, removed, and moved to and from a workspace") {
  Bench bench;
  Files files(bench.rest);
  auto const one = R"({"id":"f_1","spaceId":"sp","name":"a.txt","path":"d/a.txt",
                       "contentType":"text/plain","sizeBytes":12,"source":"upload"})";
  FileQuery query;
  query.prefix = "d/";
  query.text = "a b";
  bench.server.json(200, std::string(R"({"data":[)") + one + "]}");
  auto const list = bench.get(files.list(query));
  CHECK(bench.asked() == "GET /v1/files?prefix=d%2F&q=a%20b");
  REQUIRE(list.has_value());
  CHECK(list->data.at(0).size == 12);
  bench.server.json(200, one);
  CHECK(bench.get(files.get("f_1"))->path == "d/a.txt");
  bench.server.json(200, R"({"id":"f_1","deleted":true})");
  CHECK(bench.get(files.remove("f_1")).has_value());
  CHECK(bench.asked() == "DELETE /v1/files/f_1");
  bench.server.json(200, one);
  CHECK(bench.get(files.collect(kRuntime, "out/a.txt"))->id == "f_1");
  CHECK(bench.asked() == R"(POST /v1/runtimes/rt%2F1/files/collect {"runtimePath":"out/a.txt"})");
  bench.server.json(200, R"({"id":"s_1","runtimePath":"in/a.txt"})");
  CHECK(bench.get(files.stage(kRuntime, "f_1")).value() == "in/a.txt");
  CHECK(bench.asked() == R"(POST /v1/runtimes/rt%2F1/files/stage {"fileId":"f_1"})");
}

TEST_CASE("resources: numbers beyond any sense are cut, not cast") {
  Bench bench;
  Files files(bench.rest);
  bench.server.json(200, R"({"id":"f","sizeBytes":1e300})");
  CHECK(bench.get(files.get("f"))->size == 9'007'199'254'740'992U);
  bench.server.json(200, R"({"id":"f","sizeBytes":-1})");
  CHECK(bench.get(files.get("f"))->size == 0);
  Invocations invocations(bench.rest);
  bench.server.json(200, R"({"id":"i","waitStatus":"timeout","retryAfterSeconds":1e300})");
  CHECK(bench.get(invocations.wait(kRuntime, InvocationId("i"), 1s))->retry_after == 3600s);
}
