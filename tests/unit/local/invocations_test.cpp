#include "local/invocations.hpp"

#include <doctest/doctest.h>

#include "backend_fixture.hpp"
#include "fake_page.hpp"
#include "local/run_feed.hpp"
#include "temporary_directory.hpp"
#include "tests/fakes/http_script.hpp"

using namespace bridge;
using namespace bridge::test;

namespace {

constexpr auto kClick =
    R"({"action":"act","stagehandAction":{"selector":"#go","description":"the button"}})";

/// The invocations of one runtime that runs, over the API.
struct Jobs {
  Api& api;
  std::string runtime;
  std::string run;
  std::string connect_url;
  std::string root;

  awaitable<std::string> create(std::string body) {
    auto target = root;
    auto const made =
        co_await api.get("Invocation", "POST", std::move(target), std::move(body), 202);
    co_return made.at("id").get<std::string>();
  }
  awaitable<json> wait(std::string id, std::string body = R"({"timeoutSeconds":60})") {
    auto target = root + "/" + id + "/wait";
    co_return co_await api.get("InvocationWait", "POST", std::move(target), std::move(body));
  }
  awaitable<json> cancel(std::string id) {
    auto target = root + "/" + id + "/cancel";
    co_return co_await api.get("Invocation", "POST", std::move(target));
  }
  awaitable<json> done(std::string body) {
    auto id = co_await create(std::move(body));
    co_return co_await wait(std::move(id));
  }
  awaitable<void> until_running(std::string id) {
    for (;;) {
      auto target = "/v1/runs/" + run + "/invocations/" + id;
      auto const seen = co_await api.get("Invocation", "GET", std::move(target));
      if (seen.at("status") == "running") co_return;
      co_await net::sleep_for(2ms);
    }
  }
};

awaitable<Jobs> jobs_of(Api& api) {
  auto const id = co_await api.create();
  auto const started = co_await api.start(id);
  co_return Jobs{api, id, started.at("runId"), started.at("connectUrl"),
                 "/v1/runtimes/" + id + "/invocations"};
}

/// Runs `body(Scene&, Jobs&, FakePage&)` on a runtime that runs.
template <class Body>
void with_jobs(local::BackendOptions options, Body body) {
  Fake fake;
  FakePage page(fake.devtools);
  auto const whole = [&](Scene& scene) -> awaitable<void> {
    auto jobs = co_await jobs_of(scene.api);
    co_await body(scene, jobs, page);
  };
  fake.run(std::move(options), whole);
}

template <class Body>
void with_jobs(Body body) {
  with_jobs(local::BackendOptions(), std::move(body));
}

}  // namespace

TEST_CASE("invocations: an exact action is done on the page in front, and read back") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage& page) -> awaitable<void> {
    auto const id = co_await jobs.create(kClick);
    auto const ended = co_await jobs.wait(id);
    CHECK(ended.at("waitStatus") == "completed");
    CHECK(ended.at("status") == "succeeded");
    CHECK(ended.at("output").at("success") == true);
    CHECK(ended.at("output").at("actions").at(0).at("method") == "click");
    CHECK(ended.at("durationSeconds") >= 0);
    CHECK(page.heard("Input.dispatchMouseEvent") == 3);
    auto const read =
        co_await scene.api.get("Invocation", "GET", "/v1/runs/" + jobs.run + "/invocations/" + id);
    CHECK(read.at("output") == ended.at("output"));
    CHECK(read.at("runtimeId") == jobs.runtime);
  });
}

TEST_CASE("invocations: the run's activity tells of them") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage&) -> awaitable<void> {
    auto const id = co_await jobs.create(kClick);
    co_await jobs.wait(id);
    auto const told = co_await scene.api.get(
        "RunActivityListResponse", "GET", "/v1/runs/" + jobs.run + "/activity?invocationId=" + id);
    REQUIRE(told.at("data").size() == 2);
    CHECK(told.at("data").at(0).at("type") == "invocation.started");
    CHECK(told.at("data").at(1).at("type") == "invocation.succeeded");
    CHECK(told.at("data").at(1).at("category") == "invocation");
  });
}

TEST_CASE("invocations: text is extracted without a model") {
  with_jobs([](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    auto const ended = co_await jobs.done(R"({"action":"extract"})");
    CHECK(ended.at("output") == json{{"pageText", "Hello"}});
    page.asks["text"]["cut"] = true;
    auto const part = co_await jobs.done(R"({"action":"extract"})");
    CHECK(part.at("output") == json{{"pageText", "Hello"}, {"truncated", true}});
    page.asks["text"] = nullptr;
    auto const none = co_await jobs.done(R"({"action":"extract","selector":"#none"})");
    CHECK(none.at("status") == "failed");
    CHECK(none.at("error").at("details").at("reason") == "element_not_found");
  });
}

TEST_CASE("invocations: one that we are the fault of ends at once, and the next begins") {
  with_jobs([](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    log::Capture const log;
    auto const fine = std::exchange(page.asks["inspect"], "no object");
    auto const begun = Clock::now();
    auto const ended = co_await jobs.done(kClick);
    page.asks["inspect"] = fine;
    CHECK(Clock::now() - begun < 30s);
    CHECK(ended.at("status") == "failed");
    CHECK(ended.at("error").at("code") == "invocation.failed");
    CHECK(ended.at("error").at("details").at("reason") == "backend_failed");
    CHECK(log.contains("invocation " + ended.at("id").get<std::string>() + " failed"));
    auto const next = co_await jobs.done(kClick);
    CHECK(next.at("status") == "succeeded");
  });
}

TEST_CASE("invocations: a page's dialogs are dismissed, but for the question whether to leave it") {
  with_jobs([](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    page.silent = {"Page.getFrameTree"};
    auto const id = co_await jobs.create(kClick);
    co_await jobs.until_running(id);
    CHECK(page.heard("Page.enable") >= 1);
    constexpr auto kAnswer = "Page.handleJavaScriptDialog";
    for (auto const leaves : {false, true}) {
      page.say("Page.javascriptDialogOpening",
               {{"type", leaves ? "beforeunload" : "confirm"}, {"message", "Sure?"}});
      while (page.heard(kAnswer, "accept", leaves) == 0) co_await net::sleep_for(2ms);
    }
    CHECK(page.heard(kAnswer) == 2);
    co_await jobs.cancel(id);
    co_await jobs.wait(id);
  });
}

TEST_CASE("invocations: a frame of another process is attached to once") {
  with_jobs([](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    page.foreign_frame = "F2";
    page.asks["frameOrigin"] = json{{"x", 1}, {"y", 2}};
    auto body = json::parse(kClick);
    body["stagehandAction"]["selector"] = "iframe >> #go";
    auto const ended = co_await jobs.done(body.dump());
    CHECK(ended.at("status") == "succeeded");
    CHECK(page.heard("Page.createIsolatedWorld", "frameId", "F2") > 2);
    CHECK(page.heard("Target.attachToTarget", "targetId", "F2") == 1);
  });
}

TEST_CASE("invocations: a space's default model brings its parameters") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage& page) -> awaitable<void> {
    HttpScript provider(scene.loop);
    provider.json(500, "{}");
    page.asks["outline"] = json{{"url", "http://shop.test/"}, {"elements", json::array()}};
    auto const credential = json{{"provider", "custom"}, {"baseUrl", provider.url("/v1")}};
    co_await scene.api.get("AiCredential", "POST", "/v1/ai/credentials", credential.dump(), 201);
    co_await scene.api.send(
        "PATCH", "/v1/spaces/default/environment",
        R"({"ai":{"defaults":{"stagehand":{"model":"m","temperature":0.25,"maxTokens":99}}}})");
    co_await jobs.done(R"({"action":"act","instruction":"x"})");
    REQUIRE(provider.seen().size() == 1);
    auto const asked = json::parse(provider.seen().front().body);
    CHECK(asked.at("model") == "m");
    CHECK(asked.at("temperature") == 0.25);
    CHECK(asked.at("max_tokens") == 99);
    co_await provider.stop();
  });
}

TEST_CASE("invocations: an element that never gets ready fails with what stands in the way") {
  local::BackendOptions options;
  options.concurrent = true;
  with_jobs(options, [](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    page.asks["inspect"] = json{{"problem", "element_covered"}, {"message", "<div> covers <a>"}};
    auto body = json::parse(kClick);
    // The second waits in line for most of its time, and says all the same what is in its way.
    body["timeoutSeconds"] = 10;
    auto const first = co_await jobs.create(body.dump());
    auto const second = co_await jobs.create(body.dump());
    auto const one = co_await jobs.wait(first);
    CHECK(one.at("status") == "failed");
    CHECK(one.at("error").at("code") == "invocation.stagehand_failed");
    CHECK(one.at("error").at("details").at("reason") == "element_covered");
    auto const other = co_await jobs.wait(second);
    CHECK(other.at("status") == "failed");
    CHECK(other.at("error").at("details").at("reason") == "element_covered");
    CHECK(page.heard("Input.dispatchMouseEvent") == 0);
  });
}

TEST_CASE("invocations: what needs a model or a solver fails and says so") {
  with_jobs([](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    for (auto const* const body : {R"({"action":"act","instruction":"buy it"})",
                                   R"({"action":"observe","instruction":"buttons"})",
                                   R"({"action":"extract","instruction":"the price"})",
                                   R"({"action":"extract","outputSchema":{"type":"object"}})",
                                   R"({"action":"stagehandAgent","instruction":"buy it"})",
                                   R"({"action":"browserUse","instruction":"buy it"})"}) {
      CAPTURE(body);
      auto const ended = co_await jobs.done(body);
      CHECK(ended.at("status") == "failed");
      CHECK(ended.at("error").at("code") == "invocation.dispatch_unavailable");
      CHECK(ended.at("error").at("details").at("reason") == "no_model");
    }
    auto const none = co_await jobs.done(R"({"action":"solveCaptcha"})");
    CHECK(none.at("error").at("code") == "invocation.captcha_not_found");
    page.asks["captcha"] = "hcaptcha";
    auto const some = co_await jobs.done(R"({"action":"solveCaptcha"})");
    CHECK(some.at("error").at("code") == "invocation.captcha_solve_failed");
    CHECK(some.at("error").at("details").at("retryable") == false);
  });
}

TEST_CASE("invocations: one that hangs is cancelled, and the next begins at once") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage& page) -> awaitable<void> {
    page.silent = {"Page.getFrameTree"};
    auto const id = co_await jobs.create(kClick);
    co_await jobs.until_running(id);
    auto const looked = co_await jobs.wait(id, R"({"timeoutSeconds":0})");
    CHECK(looked.at("waitStatus") == "timeout");
    CHECK(looked.at("retryAfterSeconds") >= 1);
    auto const asked = co_await jobs.cancel(id);
    CHECK(asked.at("status") == "cancelling");
    auto const ended = co_await jobs.wait(id);
    CHECK(ended.at("status") == "cancelled");
    CHECK(ended.at("error").at("code") == "invocation.cancelled");
    auto const again = co_await jobs.cancel(id);
    CHECK(again.at("status") == "cancelled");
    page.silent.clear();
    auto const next = co_await jobs.done(kClick);
    CHECK(next.at("status") == "succeeded");
    CHECK(scene.backend.active_runtimes() == 1);
  });
}

TEST_CASE("invocations: time runs out, and the run may end under way") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage& page) -> awaitable<void> {
    page.silent = {"Page.getFrameTree"};
    auto const late = co_await jobs.done(R"({"action":"extract","timeoutSeconds":1})");
    CHECK(late.at("status") == "timed_out");
    CHECK(late.at("error").at("code") == "invocation.timed_out");
    auto const id = co_await jobs.create(kClick);
    co_await jobs.until_running(id);
    co_await scene.api.stop(jobs.runtime);
    auto const ended = co_await jobs.wait(id);
    CHECK(ended.at("status") == "failed");
    CHECK(ended.at("error").at("details").at("reason") == "run_ended");
    auto const refused = co_await scene.api.send("POST", jobs.root, kClick);
    CHECK(refused.status == 409);
    CHECK(refused.code() == "runtime.not_executable");
  });
}

TEST_CASE("invocations: a target is the page in front, a new one, or one that is named") {
  with_jobs([](Scene&, Jobs& jobs, FakePage& page) -> awaitable<void> {
    auto const named = co_await jobs.done(R"({"action":"extract","target":{"id":"T1"}})");
    CHECK(named.at("status") == "succeeded");
    CHECK(page.heard("Target.activateTarget", "targetId", "T1") == 1);
    auto const fresh = co_await jobs.done(R"({"action":"extract","target":"new"})");
    CHECK(fresh.at("status") == "succeeded");
    CHECK(page.heard("Target.createTarget") == 1);
    CHECK(page.heard("Target.activateTarget", "targetId", "T2") == 1);
    auto const gone = co_await jobs.done(R"({"action":"extract","target":{"id":"T9"}})");
    CHECK(gone.at("error").at("code") == "invocation.dispatch_preparation_failed");
    CHECK(gone.at("error").at("details").at("reason") == "target_not_found");
  });
}

TEST_CASE("invocations: where controllers do not exclude each other, one waits for the other") {
  local::BackendOptions options;
  options.concurrent = true;
  with_jobs(options, [](Scene& scene, Jobs& jobs, FakePage& page) -> awaitable<void> {
    page.silent = {"Page.getFrameTree"};
    auto const first = co_await jobs.create(kClick);
    co_await jobs.until_running(first);
    auto const second = co_await jobs.create(R"({"action":"extract"})");
    auto const third = co_await jobs.create(R"({"action":"extract"})");
    auto const waiting = co_await jobs.wait(third, R"({"timeoutSeconds":0})");
    CHECK(waiting.at("status") == "queued");
    co_await jobs.cancel(third);
    auto const dropped = co_await jobs.wait(third);
    CHECK(dropped.at("status") == "cancelled");
    CHECK(dropped.value("startedAt", json()).is_null());
    page.silent.clear();
    co_await jobs.cancel(first);
    auto const ended = co_await jobs.wait(second);
    CHECK(ended.at("status") == "succeeded");

    auto const root = "/v1/runs/" + jobs.run + "/invocations";
    auto const all = co_await scene.api.get("RunInvocationListResponse", "GET", root);
    CHECK(all.at("data").size() == 3);
    CHECK(all.at("data").at(0).at("id") == third);
    auto const run = co_await scene.api.get("Run", "GET", "/v1/runs/" + jobs.run);
    CHECK(run.at("counts").at("invocations") == 3);
    auto const some = co_await scene.api.get("RunInvocationListResponse", "GET",
                                             root + "?status=cancelled&action=act");
    REQUIRE(some.at("data").size() == 1);
    CHECK(some.at("data").at(0).at("id") == first);
  });
}

TEST_CASE("invocations: what they are asked for must make sense") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage&) -> awaitable<void> {
    struct Case {
      char const* body;
      char const* field;
    };
    for (
        auto const& [body, field] : {
            Case{R"({})", "action"},
            Case{R"({"action":"dance"})", "action"},
            Case{R"({"action":"act"})", "instruction"},
            Case{R"({"action":"act","instruction":" "})", "instruction"},
            Case{
                R"({"action":"act","instruction":"x","stagehandAction":{"selector":"a","description":"d"}})",
                "stagehandAction"},
            Case{R"({"action":"act","stagehandAction":{"selector":" ","description":"d"}})",
                 "stagehandAction.selector"},
            Case{
                R"({"action":"act","stagehandAction":{"selector":"a","description":"d","method":"dance"}})",
                "stagehandAction.method"},
            Case{
                R"({"action":"act","stagehandAction":{"selector":"a","description":"d","method":"fill"}})",
                "stagehandAction.arguments"},
            Case{
                R"({"action":"act","stagehandAction":{"selector":"a","description":"d","method":"press","arguments":["Hyper+Q"]}})",
                "stagehandAction.arguments"},
            Case{R"({"action":"extract","timeoutSeconds":0})", "timeoutSeconds"},
            Case{R"({"action":"extract","outputSchema":{"type":7}})", "outputSchema"},
            Case{R"({"action":"browserUse","instruction":"x","maxSteps":0})", "maxSteps"},
            Case{
                R"({"action":"browserUse","instruction":"x","tools":["vault"],"toolsetId":"7b0d0d10-0000-4000-8000-000000000000"})",
                "toolsetId"},
        }) {
      CAPTURE(body);
      auto const refused = co_await scene.api.send("POST", jobs.root, body);
      CAPTURE(refused.body.dump());
      CHECK(refused.status == 400);
      CHECK(refused.body.at("details").at("field") == field);
    }
    auto const nowhere = co_await scene.api.send("POST", "/v1/runtimes/nope/invocations", kClick);
    CHECK(nowhere.code() == "runtime.not_found");
    auto const unknown = co_await scene.api.send("POST", jobs.root + "/nope/wait", "{}");
    CHECK(unknown.code() == "invocation.not_found");
    auto const run = co_await scene.api.send("GET", "/v1/runs/nope/invocations");
    CHECK(run.code() == "run.not_found");
  });
}

TEST_CASE("invocations: the same Idempotency-Key makes one") {
  with_jobs([](Scene& scene, Jobs& jobs, FakePage&) -> awaitable<void> {
    scene.api.headers.emplace_back("Idempotency-Key", "once");
    auto const first = co_await jobs.create(kClick);
    auto const second = co_await jobs.create(kClick);
    CHECK(first == second);
  });
}

TEST_CASE("invocations: they go with their runtime") {
  TemporaryDirectory const directory;
  local::BackendOptions options;
  options.state = directory.path();
  std::size_t kept = 0;
  auto const count = [&] {
    auto const store = local::Store::open(directory.path()).value();
    kept = local::Documents(store->database(), "invocation").all().size();
  };
  std::string runtime;
  with_jobs(options, [&](Scene& scene, Jobs& jobs, FakePage&) -> awaitable<void> {
    co_await jobs.done(kClick);
    co_await scene.api.stop(jobs.runtime);
    runtime = jobs.runtime;
  });
  count();
  CHECK(kept == 1);
  with_fake(options, [&](Scene& scene) -> awaitable<void> {
    auto const gone = co_await scene.api.send("DELETE", "/v1/runtimes/" + runtime);
    CHECK(gone.status == 200);
  });
  count();
  CHECK(kept == 0);
}

TEST_CASE("invocations: what is kept for an Idempotency-Key does not hold the request") {
  TemporaryDirectory const directory;
  local::BackendOptions options;
  options.state = directory.path();
  with_jobs(options, [](Scene& scene, Jobs& jobs, FakePage&) -> awaitable<void> {
    scene.api.headers.emplace_back("Idempotency-Key", "once");
    auto body = json::parse(R"({"action":"act","instruction":"x"})");
    body["model"] = json::parse(
        R"({"model":"m","provider":"openai","auth":{"apiKey":"sk-canary-of-a-request"}})");
    body["timeoutSeconds"] = 1;
    auto const first = co_await jobs.create(body.dump());
    auto const again = co_await jobs.create(body.dump());
    CHECK(first == again);
    co_await jobs.cancel(first);
    co_await jobs.wait(first);
  });
  auto const store = local::Store::open(directory.path()).value();
  auto const kept = store->kept_answer("once", local::now());
  REQUIRE(kept.has_value());
  CHECK(kept->request.size() == 64);
  CHECK(kept->request.find("canary") == std::string::npos);
}

TEST_CASE("invocations: what an earlier process left has failed") {
  net::Loop loop;
  TemporaryDirectory directory;
  auto const store = local::Store::open(std::nullopt).value();
  local::Documents documents(store->database(), "invocation");
  local::Document left;
  left.id = "left";
  left.scope = "run";
  left.body = json{{"runtimeId", "rt"}, {"action", "act"}, {"status", "running"}}.dump();
  REQUIRE(documents.add(left));
  local::RunFeed feed(loop, *store);
  local::Runtimes runtimes(loop, *store, feed, local::RuntimesOptions());
  local::Invocations invocations(
      loop, *store, runtimes, [](RunId const&, local::Activity const&) {},
      [](local::BrowserPage&, RuntimeId, local::InvocationRequest const&, local::NoteStep const&)
          -> awaitable<local::InvocationEnd> { co_return local::InvocationEnd(); });
  auto const found = invocations.get(RunId{"run"}, "left").value();
  CHECK(found.at("status") == "failed");
  CHECK(found.at("error").at("details").at("reason") == "interrupted");
}
