#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "daemon/keeper.hpp"
#include "daemon/owner_tag.hpp"
#include "tests/fakes/fake_platform.hpp"
#include "tests/fakes/until.hpp"
#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;
using test::FakePlatform;

namespace {

config::RuntimeRef named(std::string name) {
  config::RuntimeRef ref;
  ref.name = std::move(name);
  return ref;
}

/// Keepers of one bridge, one after the other, over one platform and one state directory.
struct Bench {
  explicit Bench(std::chrono::milliseconds lease_ = 0s, config::RuntimeRef ref_ = named("main"))
      : lease(lease_), ref(std::move(ref_)) {
    begin();
  }
  /// The daemon is killed, and another one starts.
  void crash() {
    keeper.reset();
    test::finish(loop, record->finish());
    record.reset();
    begin();
  }
  void begin() {
    auto opened = CrashRecord::open(loop, directory.path().string());
    REQUIRE(opened.has_value());
    record = std::move(*opened);
    keeper.emplace(platform, ref, "main");
    keeper->keep_record(*record, lease);
    keeper->inherit(record->left().of("main"), lately);
  }
  FailureOr<api::RuntimeStart> start() { return test::finish(loop, keeper->start()); }
  FailureOr<std::optional<api::RuntimeStart>> take_over() {
    return test::finish(loop, keeper->take_over());
  }
  [[nodiscard]] Holding const& holding() const { return record->holdings().of("main"); }
  [[nodiscard]] std::string tag() const { return to_metadata({record->owner(), "main"}); }

  std::chrono::milliseconds lease;
  config::RuntimeRef ref;
  bool lately = true;
  net::Loop loop;
  test::TemporaryDirectory directory;
  FakePlatform platform{loop};
  std::unique_ptr<CrashRecord> record;
  std::optional<Keeper> keeper;
};

}  // namespace

TEST_CASE("keeper: what it creates has the owner's tag, and what it holds is in the record") {
  Bench bench;
  REQUIRE(bench.start().has_value());
  CHECK(bench.platform.created.front().metadata_json == bench.tag());
  CHECK(bench.holding().runtime == RuntimeId("rt_1"));
  CHECK(bench.holding().run == RunId("run_1"));
  CHECK(bench.holding().ours);
  CHECK(bench.holding().starting.empty());
  CHECK(bench.holding().creating.empty());
  REQUIRE(test::finish(bench.loop, bench.keeper->stop()).has_value());
  CHECK(bench.holding().run.empty());
}

TEST_CASE("keeper: a start is in the record before it is asked for") {
  Bench bench;
  bench.platform.lose_next("start");
  auto const lost = bench.start();
  REQUIRE(!lost);
  CHECK(bench.keeper->start_unsure());
  CHECK(bench.holding().starting == bench.platform.start_keys.at(0));
  CHECK(bench.holding().run.empty());
}

TEST_CASE("keeper: a start whose answer was lost is asked for again with its key, and is ours") {
  for (bool const crash : {false, true}) {
    CAPTURE(crash);
    Bench bench;
    bench.platform.lose_next("start");
    REQUIRE(!bench.start());
    if (crash) bench.crash();
    CHECK(bench.keeper->inherits());
    auto const begun = bench.start();
    REQUIRE(begun.has_value());
    CHECK(begun->run == RunId("run_1"));
    CHECK(bench.platform.start_keys.at(0) == bench.platform.start_keys.at(1));
    CHECK(bench.keeper->started_here());
    CHECK_FALSE(bench.keeper->start_unsure());
    CHECK(bench.holding().ours);
  }
}

TEST_CASE("keeper: a start that may be on its way is asked for again, to be waited for") {
  Bench bench;
  bench.platform.fail_next("start", 0, "network.error");
  REQUIRE(!bench.start());
  bench.crash();
  auto const taken = bench.take_over();
  REQUIRE(taken.has_value());
  CHECK(taken->has_value());
  CHECK(bench.platform.start_keys.at(0) == bench.platform.start_keys.at(1));
  CHECK(bench.holding().ours);
}

TEST_CASE("keeper: a start of long ago that has led to nothing is forgotten") {
  Bench bench;
  bench.lately = false;
  bench.platform.fail_next("start", 0, "network.error");
  REQUIRE(!bench.start());
  bench.crash();
  auto const taken = bench.take_over();
  REQUIRE(taken.has_value());
  CHECK_FALSE(taken->has_value());
  CHECK(bench.platform.count("start rt_1") == 1);
  CHECK(bench.holding().starting.empty());
  CHECK(bench.start()->started);
  CHECK(bench.platform.start_keys.at(0) != bench.platform.start_keys.at(1));
}

TEST_CASE("keeper: our run of before the crash is taken over, and stays ours") {
  Bench bench;
  REQUIRE(bench.start().has_value());
  bench.crash();
  CHECK(bench.keeper->run() == RunId("run_1"));
  auto const taken = bench.take_over();
  REQUIRE(taken.has_value());
  REQUIRE(taken->has_value());
  CHECK((*taken)->run == RunId("run_1"));
  CHECK((*taken)->connect_url.reveal() == bench.platform.connect_url);
  CHECK(bench.keeper->started_here());
  CHECK_FALSE(bench.keeper->inherits());
  CHECK(bench.platform.start_keys.size() == 1);
}

TEST_CASE("keeper: a run of before that is over, replaced or deleted is not taken over") {
  Bench bench;
  REQUIRE(bench.start().has_value());
  SUBCASE("over") {
    bench.platform.end_run(RuntimeId("rt_1"));
  }
  SUBCASE("replaced") {
    bench.platform.end_run(RuntimeId("rt_1"));
    bench.platform.open_run(RuntimeId("rt_1"));
  }
  SUBCASE("deleted") {
    bench.platform.delete_all();
  }
  bench.crash();
  auto const taken = bench.take_over();
  REQUIRE(taken.has_value());
  CHECK_FALSE(taken->has_value());
  CHECK_FALSE(bench.keeper->inherits());
  CHECK_FALSE(bench.keeper->started_here());
  CHECK(bench.holding().run.empty());
}

TEST_CASE("keeper: while the platform is not reached, what was left stays left") {
  Bench bench;
  REQUIRE(bench.start().has_value());
  bench.crash();
  bench.platform.fail_next("get", 0, "network.error");
  CHECK(bench.take_over().error().code == "API_UNREACHABLE");
  CHECK(bench.keeper->inherits());
  CHECK(bench.holding().run == RunId("run_1"));
}

TEST_CASE("keeper: what was started for another name is stopped, not taken over") {
  Bench bench;
  REQUIRE(bench.start().has_value());
  bench.ref = named("other");
  bench.crash();
  auto const taken = bench.take_over();
  REQUIRE(taken.has_value());
  CHECK_FALSE(taken->has_value());
  CHECK_FALSE(bench.platform.active(RuntimeId("rt_1")));
  CHECK(bench.start()->runtime == RuntimeId("rt_2"));
}

TEST_CASE("keeper: a refusal does not take away what we hold") {
  Bench bench;
  REQUIRE(bench.start().has_value());
  bench.platform.fail_next("start", 429, "rate.limited");
  REQUIRE(!bench.start());
  CHECK(bench.keeper->started_here());
  CHECK(bench.holding().ours);
  CHECK(bench.holding().run == RunId("run_1"));
  CHECK(bench.holding().starting.empty());
}

TEST_CASE("keeper: a creation whose answer was lost is found by its tag, and not made twice") {
  Bench bench;
  bench.platform.lose_next("create");
  REQUIRE(!bench.start());
  // Somebody else's of the same name does not mislead; it is older, so it is listed first.
  SUBCASE("in the same life") {}
  SUBCASE("after a crash") {
    bench.crash();
  }
  REQUIRE(bench.start().has_value());
  CHECK(bench.platform.created.size() == 1);
  CHECK(bench.keeper->runtime() == RuntimeId("rt_1"));
}

TEST_CASE("keeper: of several with the name, the one with the tag is the one that was created") {
  Bench bench;
  bench.platform.lose_next("create");
  bench.platform.fail_next("list", 0, "network.error");
  REQUIRE(!bench.start());  // the list
  REQUIRE(!bench.start());  // rt_1 is made
  bench.platform.delete_all();
  bench.platform.add_runtime("main");
  bench.platform.add_runtime("main", bench.tag());
  bench.crash();
  REQUIRE(bench.start().has_value());
  CHECK(bench.keeper->runtime() == RuntimeId("rt_2"));
}

TEST_CASE("keeper: a runtime that it creates has a lease from the first moment") {
  Bench bench(2min);
  REQUIRE(bench.start().has_value());
  auto const config = nlohmann::json::parse(bench.platform.created.front().config_json);
  CHECK(config["idleTimeoutSeconds"] == 120);
  CHECK(bench.platform.count("idle rt_1 120") == 0);
  CHECK(bench.keeper->has_lease());
  CHECK(test::finish(bench.loop, bench.keeper->renew_lease()));
  CHECK(bench.platform.count("idle rt_1 120") == 1);
  bench.platform.fail_next("idle", 503, "api.unavailable");
  CHECK_FALSE(test::finish(bench.loop, bench.keeper->renew_lease()));
  CHECK(bench.keeper->has_lease());
}

TEST_CASE("keeper: a runtime with our tag gets its lease before it is started") {
  Bench bench(2min);
  bench.platform.add_runtime("main", bench.tag());
  REQUIRE(bench.start().has_value());
  CHECK(bench.platform.calls ==
        std::vector<std::string>{"list", "get rt_1", "idle rt_1 120", "start rt_1"});
}

TEST_CASE(
    "keeper: a runtime of somebody else gets no lease, nor one with an idle time of its own") {
  auto ref = named("main");
  SUBCASE("another's") {
    Bench bench(2min, ref);
    bench.platform.add_runtime("main", to_metadata({"another", "main"}));
    REQUIRE(bench.start().has_value());
    CHECK(test::finish(bench.loop, bench.keeper->renew_lease()));
    CHECK(bench.platform.count("idle rt_1 120") == 0);
  }
  SUBCASE("its own") {
    ref.create_config = R"({"idleTimeoutSeconds":900})";
    Bench bench(2min, ref);
    REQUIRE(bench.start().has_value());
    CHECK(bench.platform.created.front().config_json == ref.create_config);
    CHECK_FALSE(bench.keeper->has_lease());
  }
}

TEST_CASE("keeper: a run that we leave running has no lease any more, and is not ours") {
  Bench bench(2min);
  REQUIRE(bench.start().has_value());
  REQUIRE(test::finish(bench.loop, bench.keeper->leave_running()).has_value());
  CHECK(bench.platform.count("idle rt_1 0") == 1);
  CHECK(bench.holding().run.empty());
  CHECK(test::finish(bench.loop, bench.keeper->renew_lease()));
  CHECK(bench.platform.count("idle rt_1 120") == 0);
  CHECK(bench.platform.active(RuntimeId("rt_1")));
}
