#include "local/human_actions.hpp"

#include <doctest/doctest.h>

#include "backend_fixture.hpp"

using namespace bridge;
using namespace bridge::test;

namespace {

/// The human actions of one runtime, over the API.
struct Desk {
  Api& api;
  std::string root;

  awaitable<json> create(std::string body) {
    auto target = root;
    co_return co_await api.get("HumanAction", "POST", std::move(target), std::move(body), 201);
  }
  awaitable<json> post(std::string verb) {
    auto target = root + verb;
    co_return co_await api.get("HumanAction", "POST", std::move(target));
  }
  awaitable<json> wait(std::string body) {
    auto target = root + "/wait";
    co_return co_await api.get("HumanActionWait", "POST", std::move(target), std::move(body));
  }
  awaitable<json> latest() {
    auto target = root;
    co_return co_await api.get("HumanAction", "GET", std::move(target));
  }
};

awaitable<Desk> desk_of(Api& api) {
  auto const id = co_await api.create();
  co_return Desk{api, "/v1/runtimes/" + id + "/human-actions"};
}

local::Store& in_memory(std::unique_ptr<local::Store>& into) {
  into = local::Store::open(std::nullopt).value();
  return *into;
}

}  // namespace

TEST_CASE("human actions: one is pending at a time, until it is completed or cancelled") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto desk = co_await desk_of(scene.api);
    auto const none = co_await scene.api.send("GET", desk.root);
    CHECK(none.code() == "human_action.not_found");
    auto const early = co_await scene.api.send("POST", desk.root + "/complete");
    CHECK(early.status == 404);

    auto const first = co_await desk.create(R"({"message":"Log in, please"})");
    CHECK(first.at("status") == "requested");
    CHECK(first.at("expiresAt") == nullptr);
    CHECK(first.at("runId") == nullptr);
    auto const second = co_await scene.api.send("POST", desk.root, R"({"message":"And this"})");
    CHECK(second.status == 409);
    CHECK(second.body.at("details").at("humanActionId") == first.at("id"));
    auto const pending = co_await desk.latest();
    CHECK(pending.at("id") == first.at("id"));

    auto const done = co_await desk.post("/complete");
    CHECK(done.at("status") == "completed");
    CHECK(done.at("completedAt") != nullptr);
    auto const again = co_await scene.api.send("POST", desk.root + "/cancel");
    CHECK(again.status == 409);
    CHECK(again.body.at("details").at("status") == "completed");

    auto const third = co_await desk.create(R"({"message":"Once more"})");
    CHECK(third.at("id") != first.at("id"));
    auto const gone = co_await desk.post("/cancel");
    CHECK(gone.at("id") == third.at("id"));
    CHECK(gone.at("status") == "cancelled");
    auto const latest = co_await desk.latest();
    CHECK(latest == gone);
  });
}

TEST_CASE("human actions: one of an active runtime names its run") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto const id = co_await scene.api.create();
    auto const started = co_await scene.api.start(id);
    Desk desk{scene.api, "/v1/runtimes/" + id + "/human-actions"};
    auto const asked = co_await desk.create(R"({"message":"m"})");
    CHECK(asked.at("runId") == started.at("runId"));
  });
}

TEST_CASE("human actions: one ends with its run, and does not stand in the way of the next") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto const id = co_await scene.api.create();
    auto const started = co_await scene.api.start(id);
    Desk desk{scene.api, "/v1/runtimes/" + id + "/human-actions"};
    co_await desk.create(R"({"message":"m"})");
    Desk other = desk;
    auto const stop = [](Api& api, std::string runtime) -> awaitable<void> {
      co_await api.stop(std::move(runtime));
    };
    auto const waited = co_await (other.wait("{}") && stop(scene.api, id));
    CHECK(waited.at("waitStatus") == "resolved");
    CHECK(waited.at("status") == "cancelled");
    CHECK(waited.at("cancelledAt") != nullptr);

    auto const run = "/v1/runs/" + started.at("runId").get<std::string>();
    auto const told = co_await scene.api.send("GET", run + "/activity");
    CHECK(told.body.dump().find("The human action is cancelled") != std::string::npos);

    auto const next = co_await scene.api.start(id);
    auto const asked = co_await desk.create(R"({"message":"n"})");
    CHECK(asked.at("runId") == next.at("runId"));
  });
}

TEST_CASE("human actions: one that was asked for before any run outlives them") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto const id = co_await scene.api.create();
    Desk desk{scene.api, "/v1/runtimes/" + id + "/human-actions"};
    co_await desk.create(R"({"message":"m"})");
    co_await scene.api.start(id);
    co_await scene.api.stop(id);
    auto const latest = co_await desk.latest();
    CHECK(latest.at("status") == "requested");
  });
}

TEST_CASE("human actions: a wait ends with its action, at its limit, or when it expires") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto desk = co_await desk_of(scene.api);
    co_await desk.create(R"({"message":"m","timeoutSeconds":1})");
    auto const expired = co_await desk.wait(R"({"timeoutSeconds":60})");
    CHECK(expired.at("waitStatus") == "resolved");
    CHECK(expired.at("status") == "expired");
    CHECK(expired.at("expiredAt") == expired.at("expiresAt"));

    co_await desk.create(R"({"message":"m"})");
    auto const looked = co_await desk.wait(R"({"timeoutSeconds":0})");
    CHECK(looked.at("waitStatus") == "timeout");
    CHECK(looked.at("status") == "requested");
    CHECK(looked.at("retryAfterSeconds") >= 1);
    Desk other = desk;
    auto const complete = [](Desk& at) -> awaitable<void> { co_await at.post("/complete"); };
    auto const waited = co_await (desk.wait("{}") && complete(other));
    CHECK(waited.at("waitStatus") == "resolved");
    CHECK(waited.at("status") == "completed");
  });
}

TEST_CASE("human actions: what they are asked for must make sense") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto desk = co_await desk_of(scene.api);
    struct Case {
      char const* path;
      char const* body;
      char const* field;
    };
    for (auto const& [path, body, field] : {
             Case{"", R"({})", "message"},
             Case{"", R"({"message":""})", "message"},
             Case{"", R"({"message":"m","timeoutSeconds":0})", "timeoutSeconds"},
             Case{"", R"({"message":"m","timeoutSeconds":1e9})", "timeoutSeconds"},
             Case{"/wait", R"({"timeoutSeconds":-1})", "timeoutSeconds"},
             Case{"/wait", R"({"timeoutSeconds":301})", "timeoutSeconds"},
         }) {
      CAPTURE(body);
      auto const refused = co_await scene.api.send("POST", desk.root + path, body);
      CHECK(refused.status == 400);
      CHECK(refused.body.at("details").at("field") == field);
    }
    auto const nowhere = co_await scene.api.send("GET", "/v1/runtimes/nope/human-actions");
    CHECK(nowhere.code() == "runtime.not_found");
  });
}

TEST_CASE("human actions: the same Idempotency-Key asks once") {
  with_fake([](Scene& scene) -> awaitable<void> {
    auto desk = co_await desk_of(scene.api);
    scene.api.headers.emplace_back("Idempotency-Key", "once");
    auto const first = co_await desk.create(R"({"message":"m"})");
    auto const second = co_await desk.create(R"({"message":"m"})");
    CHECK(first == second);
    auto const other = co_await scene.api.send("POST", desk.root, R"({"message":"n"})");
    CHECK(other.code() == "idempotency.mismatch");
  });
}

TEST_CASE("human actions: its run's activity tells of it, and who was not told") {
  net::Loop loop;
  std::unique_ptr<local::Store> held;
  auto& store = in_memory(held);
  local::Runtime row;
  row.id = RuntimeId{"rt"};
  row.space = store.default_space();
  row.config = "{}";
  store.add(row);
  local::Documents recipients(store.database(), "notification_recipient");
  for (std::string const id : {"on", "off", "another account's"}) {
    local::Document recipient;
    recipient.id = id;
    recipient.scope = id.starts_with("another") ? "somebody" : "";
    recipient.body = json{{"type", "sms"}, {"enabled", id != "off"}}.dump();
    REQUIRE(recipients.add(recipient));
  }
  std::vector<std::string> told;
  local::HumanActions actions(loop, store, [&](RunId const& run, local::Activity const& activity) {
    CHECK(run == RunId{"run"});
    told.push_back(activity.type + " " + activity.status.value_or(""));
  });
  local::HumanActions::Request request;
  request.runtime = RuntimeId{"rt"};
  request.run = RunId{"run"};
  request.message = "m";
  REQUIRE(actions.create(request).has_value());
  REQUIRE(actions.resolve(request.runtime, "completed").has_value());
  CHECK(told == std::vector<std::string>{"human_action.requested requested",
                                         "notification.not_sent not_sent",
                                         "human_action.completed completed"});
}

TEST_CASE("human actions: one that an earlier process left expires") {
  net::Loop loop;
  std::unique_ptr<local::Store> held;
  auto& store = in_memory(held);
  local::HumanActions::Request request;
  request.runtime = RuntimeId{"rt"};
  request.message = "m";
  request.timeout = std::chrono::seconds(0);
  {
    local::HumanActions earlier(loop, store, [](RunId const&, local::Activity const&) {});
    REQUIRE(earlier.create(request).has_value());
  }
  local::HumanActions later(loop, store, [](RunId const&, local::Activity const&) {});
  auto const found = later.get(request.runtime);
  REQUIRE(found.has_value());
  CHECK(found->at("status") == "expired");
}

TEST_CASE("human actions: one whose run ended with a killed process is cancelled by the next") {
  net::Loop loop;
  std::unique_ptr<local::Store> held;
  auto& store = in_memory(held);
  local::Runtime row;
  row.id = RuntimeId{"rt"};
  row.space = store.default_space();
  row.config = "{}";
  store.add(row);
  local::Run run;
  run.id = RunId{"run"};
  run.runtime = row.id;
  run.space = row.space;
  local::Event event;
  event.run = run.id;
  event.type = "runtime.lifecycle";
  store.begin_run(run, event);
  local::HumanActions::Request request;
  request.runtime = row.id;
  request.run = run.id;
  request.message = "m";
  auto const nobody = [](RunId const&, local::Activity const&) {};
  local::HumanActions actions(loop, store, nobody);
  REQUIRE(actions.create(request).has_value());
  std::string found;
  auto const begin = [](local::HumanActions& of, std::string& status) -> awaitable<void> {
    of.start();
    status = of.get(RuntimeId{"rt"}).value().at("status").get<std::string>();
    co_await of.stop();
  };
  test::run(loop, begin(actions, found));
  CHECK(found == "requested");
  run.status = local::Status::failed;
  run.finished_at = local::now();
  store.end_run(run, local::Status::stopped, event);
  test::run(loop, begin(actions, found));
  CHECK(found == "cancelled");
}
