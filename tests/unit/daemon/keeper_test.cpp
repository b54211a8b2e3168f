#include "daemon/keeper.hpp"

#include <doctest/doctest.h>

#include "tests/fakes/fake_platform.hpp"
#include "tests/fakes/until.hpp"

using namespace bridge;
using test::FakePlatform;

namespace {

config::RuntimeRef named(std::string name) {
  config::RuntimeRef ref;
  ref.name = std::move(name);
  return ref;
}

config::RuntimeRef with_id(std::string id) {
  config::RuntimeRef ref;
  ref.id = std::move(id);
  return ref;
}

struct Bench {
  explicit Bench(config::RuntimeRef ref) : keeper(platform, std::move(ref), "main") {}
  FailureOr<api::RuntimeStart> start() { return test::finish(loop, keeper.start()); }
  FailureOr<> stop() { return test::finish(loop, keeper.stop()); }
  bool run_is_over() { return test::finish(loop, keeper.run_is_over()); }

  net::Loop loop;
  FakePlatform platform{loop};
  Keeper keeper;
};

}  // namespace

TEST_CASE("keeper: a runtime is found by its name, over all pages") {
  Bench bench(named("main"));
  bench.platform.page_size = 2;
  for (auto const* name : {"a", "b", "c", "d", "main"}) bench.platform.add_runtime(name);
  auto const begun = bench.start();
  REQUIRE(begun.has_value());
  CHECK(begun->runtime == RuntimeId("rt_5"));
  CHECK(begun->started);
  CHECK(bench.keeper.runtime() == RuntimeId("rt_5"));
  CHECK(bench.keeper.run() == begun->run);
  CHECK(bench.keeper.started_here());
  CHECK(bench.platform.created.empty());
  CHECK(bench.platform.calls == std::vector<std::string>{"list", "list 2", "list 4", "start rt_5"});
}

TEST_CASE("keeper: a name that several runtimes have means the first, with a warning") {
  log::Capture log;
  Bench bench(named("main"));
  bench.platform.add_runtime("main");
  bench.platform.add_runtime("main");
  CHECK(bench.start()->runtime == RuntimeId("rt_1"));
  CHECK(log.contains("several runtimes are named main; rt_1 is used"));
}

TEST_CASE("keeper: a runtime that is not there is created with the configured config and space") {
  auto ref = named("main");
  ref.space = "space_1";
  ref.create_config = R"({"profile":true})";
  Bench bench(ref);
  bench.platform.add_runtime("other");
  REQUIRE(bench.start().has_value());
  REQUIRE(bench.platform.created.size() == 1);
  auto const& created = bench.platform.created.front();
  CHECK(created.name == "main");
  CHECK(created.space == SpaceId("space_1"));
  CHECK(created.config_json == R"({"profile":true})");
  CHECK(created.metadata_json == R"({"createdBy":"bctrl-bridge"})");
  CHECK(bench.platform.queries.front().space == SpaceId("space_1"));
  CHECK(bench.keeper.runtime() == RuntimeId("rt_2"));
}

TEST_CASE("keeper: a runtime given by id is started without a look at the list") {
  Bench bench(with_id("rt_1"));
  bench.platform.add_runtime("whatever");
  REQUIRE(bench.start().has_value());
  CHECK(bench.platform.calls == std::vector<std::string>{"start rt_1"});
}

TEST_CASE("keeper: every start has an idempotency key of its own") {
  Bench bench(named("main"));
  REQUIRE(bench.start().has_value());
  REQUIRE(bench.start().has_value());
  auto const& keys = bench.platform.start_keys;
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].size() == 36);
  CHECK(keys[0] != keys[1]);
  CHECK(bench.platform.count("list") == 1);
}

TEST_CASE("keeper: an open run of somebody else is joined and is not ours to stop") {
  Bench bench(named("main"));
  auto const id = bench.platform.add_runtime("main");
  bench.platform.open_run(id);
  auto const begun = bench.start();
  REQUIRE(begun.has_value());
  CHECK_FALSE(begun->started);
  CHECK(bench.keeper.run() == RunId("run_1"));
  CHECK_FALSE(bench.keeper.started_here());
}

TEST_CASE("keeper: joining our own run again keeps it ours") {
  Bench bench(named("main"));
  REQUIRE(bench.start()->started);
  CHECK_FALSE(bench.start()->started);
  CHECK(bench.keeper.started_here());
}

TEST_CASE("keeper: a run that somebody opened after ours had ended is not ours") {
  Bench bench(named("main"));
  REQUIRE(bench.start()->started);
  bench.platform.end_run(bench.keeper.runtime());
  bench.platform.open_run(bench.keeper.runtime());
  CHECK_FALSE(bench.start()->started);
  CHECK_FALSE(bench.keeper.started_here());
}

TEST_CASE("keeper: what the platform answers to a start becomes a failure with a way out") {
  struct Row {
    std::string name;
    unsigned status;
    char const* code;
    char const* expected;
  };
  for (auto const& row : {
           Row{"a wrong key", 401, "auth.invalid_key", "AUTH"},
           Row{"no credits", 402, "billing.credits", "QUOTA"},
           Row{"unknown", 404, "runtime.not_found", "RUNTIME_NOT_FOUND"},
           Row{"driven by another", 409, "runtime.controller_busy", "CONTROLLER_BUSY"},
           Row{"a bad request", 400, "request.invalid", "START_FAILED"},
           Row{"too many requests", 429, "rate.limited", "RATE_LIMITED"},
           Row{"down", 503, "api.unavailable", "API_UNREACHABLE"},
           Row{"no answer", 0, "network.error", "API_UNREACHABLE"},
       }) {
    CAPTURE(row.name);
    Bench bench(with_id("rt_1"));
    bench.platform.add_runtime("main");
    bench.platform.fail_next("start", row.status, row.code);
    auto const begun = bench.start();
    REQUIRE(!begun);
    CHECK(begun.error().code == row.expected);
    CHECK(begun.error().message.starts_with("start the runtime: "));
    CHECK(begun.error().request_id == (row.status == 0 ? "" : "req_7"));
    CHECK(bench.keeper.run().empty());
    CHECK_FALSE(bench.keeper.started_here());
    CHECK(bench.start().has_value());
  }
}

TEST_CASE("keeper: what the platform answers to a search or a creation is said as such") {
  Bench bench(named("main"));
  bench.platform.fail_next("list", 0, "network.error");
  auto const searched = bench.start();
  REQUIRE(!searched);
  CHECK(searched.error().code == "API_UNREACHABLE");
  CHECK(searched.error().message.starts_with("look for the runtime: "));
  bench.platform.fail_next("create", 402, "quota.runtimes");
  auto const created = bench.start();
  REQUIRE(!created);
  CHECK(created.error().code == "QUOTA");
  CHECK(created.error().message.starts_with("create the runtime: "));
  CHECK(bench.platform.count("start rt_1") == 0);
}

TEST_CASE("keeper: a runtime known by name that was deleted is another at once") {
  Bench bench(named("main"));
  REQUIRE(bench.start().has_value());
  bench.platform.delete_all();
  REQUIRE(bench.start().has_value());
  CHECK(bench.platform.created.size() == 2);
}

TEST_CASE("keeper: a configured id is kept when it is not found") {
  Bench bench(with_id("rt_9"));
  CHECK(bench.start().error().code == "RUNTIME_NOT_FOUND");
  CHECK(bench.keeper.runtime() == RuntimeId("rt_9"));
}

TEST_CASE("keeper: stop ends the run whoever started it") {
  Bench bench(named("main"));
  bench.platform.open_run(bench.platform.add_runtime("main"));
  REQUIRE(bench.start().has_value());
  REQUIRE(bench.stop().has_value());
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  CHECK(bench.keeper.run().empty());
  CHECK_FALSE(bench.keeper.started_here());
}

TEST_CASE("keeper: stop finds the runtime that a daemon before us left running, creates none") {
  Bench bench(named("main"));
  REQUIRE(bench.stop().has_value());
  CHECK(bench.platform.calls == std::vector<std::string>{"list"});
  auto const id = bench.platform.add_runtime("main");
  bench.platform.open_run(id);
  REQUIRE(bench.stop().has_value());
  CHECK_FALSE(bench.platform.active(id));
  REQUIRE(bench.stop().has_value());  // not active: counts as stopped
}

TEST_CASE("keeper: a stop that fails leaves the run ours, so that it is tried again") {
  Bench bench(named("main"));
  REQUIRE(bench.start().has_value());
  bench.platform.fail_next("stop", 503, "api.unavailable");
  auto const stopped = bench.stop();
  REQUIRE(!stopped);
  CHECK(stopped.error().code == "API_UNREACHABLE");
  CHECK(stopped.error().message.starts_with("stop the runtime: "));
  CHECK(bench.keeper.started_here());
  REQUIRE(bench.stop().has_value());
}

TEST_CASE("keeper: a run is over when the platform says so, not when it does not answer") {
  Bench bench(named("main"));
  CHECK(bench.run_is_over());  // there is none
  REQUIRE(bench.start().has_value());
  CHECK_FALSE(bench.run_is_over());
  bench.platform.fail_next("run", 0, "network.error");
  CHECK_FALSE(bench.run_is_over());
  CHECK(bench.keeper.started_here());
  bench.platform.end_run(bench.keeper.runtime());
  CHECK(bench.run_is_over());
  CHECK(bench.keeper.run().empty());
  CHECK_FALSE(bench.keeper.started_here());
}

TEST_CASE("keeper: a run that the platform does not know any more is over") {
  Bench bench(named("main"));
  REQUIRE(bench.start().has_value());
  bench.platform.fail_next("run", 404, "run.not_found");
  CHECK(bench.run_is_over());
  CHECK(bench.keeper.run().empty());
}
