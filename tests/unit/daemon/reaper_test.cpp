#include "daemon/reaper.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "daemon/owner_tag.hpp"
#include "tests/fakes/fake_platform.hpp"
#include "tests/fakes/until.hpp"

using namespace bridge;
using test::FakePlatform;
using Fate = Reaped::Fate;

namespace {

struct Bench {
  net::Loop loop;
  FakePlatform platform{loop};
  Reaper::Options options;

  Bench() { options.owner = "me"; }
  RuntimeId add(std::string const& owner, std::string const& bridge = "main") {
    auto const id = platform.add_runtime(bridge, to_metadata({owner, bridge}));
    platform.open_run(id);
    return id;
  }
  FailureOr<std::vector<Reaped>> try_reap() {
    Reaper reaper(platform, options);
    return test::finish(loop, reaper.reap());
  }
  std::vector<Reaped> reap() {
    auto reaped = try_reap();
    REQUIRE_MESSAGE(reaped.has_value(), reaped.error().text());
    return *reaped;
  }
};

}  // namespace

TEST_CASE("reaper: only active runtimes with our tag are stopped") {
  Bench bench;
  auto const plain = bench.platform.add_runtime("plain");
  bench.platform.open_run(plain);
  auto const others = bench.add("another");
  auto const nobodys = bench.add("");
  auto const ours = bench.add("me");
  auto const second = bench.add("me", "spare");
  auto const sleeping = bench.platform.add_runtime("sleeping", to_metadata({"me", "main"}));
  auto const reaped = bench.reap();
  REQUIRE(reaped.size() == 2);
  CHECK(reaped[0].runtime == ours);
  CHECK(reaped[0].fate == Fate::stopped);
  CHECK(reaped[1].runtime == second);
  CHECK(reaped[1].bridge == "spare");
  CHECK_FALSE(bench.platform.active(ours));
  CHECK_FALSE(bench.platform.active(second));
  for (auto const& id : {plain, others, nobodys}) CHECK(bench.platform.active(id));
  CHECK(bench.platform.count("stop " + sleeping.value) == 0);
  CHECK(to_line(reaped[0]) == "runtime rt_4 (main, of bridge main): stopped");
  CHECK(bench.reap().empty());
}

TEST_CASE("reaper: what is held, kept or only looked at stays") {
  Bench bench;
  auto const id = bench.add("me");
  Fate expected{};
  SUBCASE("held") {
    bench.options.is_held = [&](RuntimeId const& runtime) { return runtime == id; };
    expected = Fate::held;
  }
  SUBCASE("kept") {
    bench.options.is_kept = [](std::string const& bridge) { return bridge == "main"; };
    expected = Fate::kept;
  }
  SUBCASE("looked at") {
    bench.options.dry_run = true;
    expected = Fate::would_stop;
  }
  auto const reaped = bench.reap();
  REQUIRE(reaped.size() == 1);
  CHECK(reaped[0].fate == expected);
  CHECK(bench.platform.active(id));
}

TEST_CASE("reaper: what fails is told and does not hold the others up") {
  Bench bench;
  auto const first = bench.add("me");
  auto const second = bench.add("me");
  bench.platform.fail_next("stop", 503, "api.unavailable");
  auto const reaped = bench.reap();
  REQUIRE(reaped.size() == 2);
  CHECK(reaped[0].fate == Fate::failed);
  CHECK(to_line(reaped[0]).find("MAY STILL RUN: [API_UNREACHABLE]") != std::string::npos);
  CHECK(reaped[1].fate == Fate::stopped);
  bench.platform.fail_next("get", 0, "network.error");
  CHECK(bench.reap().at(0).fate == Fate::failed);
  bench.platform.fail_next("list", 0, "network.error");
  CHECK(bench.try_reap().error().code == "API_UNREACHABLE");
  CHECK(bench.platform.active(first));
  CHECK_FALSE(bench.platform.active(second));
}

TEST_CASE("what was left for a bridge that is gone is ended if it was ours") {
  Bench bench;
  auto const id = bench.platform.add_runtime("main");
  bench.platform.open_run(id);
  Holding left;
  left.runtime = id;
  bool ends = true;
  SUBCASE("our run") {
    left.run = RunId("run_1");
    left.ours = true;
  }
  SUBCASE("a run that was joined") {
    left.run = RunId("run_1");
    ends = false;
  }
  SUBCASE("our run, which is over: this one is another's") {
    left.run = RunId("run_0");
    left.ours = true;
    ends = false;
  }
  SUBCASE("a start without an answer, of a runtime that another had started") {
    left.starting = "key";
    ends = false;
  }
  REQUIRE(test::finish(bench.loop, end_left(bench.platform, "main", left, true)).has_value());
  CHECK(bench.platform.active(id) == !ends);
  bench.platform.fail_next("get", 0, "network.error");
  CHECK(test::finish(bench.loop, end_left(bench.platform, "main", left, true)).error().code ==
        "API_UNREACHABLE");
}

TEST_CASE("reaper: of two words on a runtime the second counts when the first was a failure") {
  auto const word = [](std::string id, Fate fate) {
    Reaped out;
    out.runtime = RuntimeId(std::move(id));
    out.name = "main";
    out.bridge = "main";
    out.fate = fate;
    if (fate == Fate::failed) out.why = "no answer";
    return out;
  };
  std::vector<Reaped> all;
  add_word(all, word("rt_1", Fate::stopped));
  add_word(all, word("rt_2", Fate::failed));
  add_word(all, word("rt_3", Fate::failed));
  add_word(all, word("rt_1", Fate::failed));
  add_word(all, word("rt_2", Fate::stopped));
  add_word(all, word("rt_3", Fate::failed));
  REQUIRE(all.size() == 3);
  CHECK(all[0].fate == Fate::stopped);
  CHECK(all[1].fate == Fate::stopped);
  CHECK(all[2].fate == Fate::failed);
  auto const rows = to_json(all)["runtimes"];
  CHECK(rows[1].dump() ==
        R"({"runtimeId":"rt_2","name":"main","bridge":"main","fate":"stopped",)"
        R"("line":"runtime rt_2 (main, of bridge main): stopped","failed":false})");
  CHECK(rows[2]["failed"] == true);
  CHECK(rows[2]["why"] == "no answer");
}
