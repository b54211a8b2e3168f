#include "daemon/ledger.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

#include "daemon/settle.hpp"
#include "tests/fakes/fake_platform.hpp"
#include "tests/fakes/until.hpp"
#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;
using namespace std::chrono_literals;

namespace {

using Time = Ledger::Time;

Time at(std::chrono::seconds since) {
  return Time(1'750'000'000s + since);
}

std::string path_in(test::TemporaryDirectory const& directory) {
  return (directory.path() / "ledger.db").string();
}

}  // namespace

TEST_CASE("ledger: a run is one row, also over a new start of the daemon") {
  test::TemporaryDirectory directory;
  auto const path = path_in(directory);
  RuntimeId const runtime("rt_1");
  {
    auto const ledger = Ledger::open(path).value();
    ledger->begun("main", runtime, RunId("run_1"), true, at(0s));
    ledger->seen(RunId("run_1"), at(30s));
  }
  struct stat file {};
  REQUIRE(::stat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  auto const ledger = Ledger::open(path).value();
  ledger->begun("main", runtime, RunId("run_1"), false, at(60s));  // joined now, but it is ours
  CHECK(ledger->started(RunId("run_1")) == at(0s));
  ledger->ended(RunId("run_1"), at(90s), "IDLE_STOP");
  ledger->ended(RunId("run_1"), at(99s), "STOPPED");  // the first end is the end
  auto const rows = ledger->since(at(0s));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].bridge == "main");
  CHECK(rows[0].runtime == runtime);
  CHECK(rows[0].ours);
  CHECK(rows[0].started == at(0s));
  CHECK(rows[0].ended == at(90s));
  CHECK(rows[0].reason == "IDLE_STOP");
  CHECK_FALSE(rows[0].credits.has_value());
  CHECK(ledger->since(at(91s)).empty());
}

TEST_CASE("ledger: credits come later, and to the millionth") {
  test::TemporaryDirectory directory;
  auto const ledger = Ledger::open(path_in(directory)).value();
  ledger->begun("main", RuntimeId("rt_1"), RunId("run_1"), true, at(0s));
  ledger->ended(RunId("run_1"), at(9s), "STOPPED");
  CHECK(ledger->unsettled().size() == 1);
  ledger->settled(RunId("run_1"), std::nullopt, std::nullopt, false);
  CHECK(ledger->unsettled().size() == 1);
  ledger->settled(RunId("run_1"), at(8s), 1.25, true);
  CHECK(ledger->unsettled().empty());
  auto const rows = ledger->since(at(0s));
  CHECK(rows[0].credits == 1.25);
  CHECK(rows[0].ended == at(8s));  // the platform knows better
}

TEST_CASE("ledger: a file that is none is an error, and stays as it is") {
  test::TemporaryDirectory directory;
  auto const path = path_in(directory);
  std::ofstream(path) << "not a database, but long enough to be looked at as one";
  auto const opened = Ledger::open(path);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().text().find(path) != std::string::npos);
}

TEST_CASE("settle: what a crash has left open is closed as the platform says") {
  test::TemporaryDirectory directory;
  auto const ledger = Ledger::open(path_in(directory)).value();
  net::Loop loop;
  test::FakePlatform platform(loop);
  auto const id = platform.add_runtime("main");
  platform.open_run(id);  // run_1
  platform.end_run(id);
  platform.open_run(id);  // run_2
  for (auto const* run : {"run_1", "run_2", "run_3"})
    ledger->begun("main", id, RunId(run), true, at(0s));
  ledger->seen(RunId("run_1"), at(40s));
  test::finish(loop, settle_once(*ledger, platform, true));
  auto rows = ledger->since(at(0s));
  CHECK(rows[0].ended == at(40s));  // the fake does not say when
  CHECK_FALSE(rows[1].ended.has_value());
  ledger->seen(RunId("run_2"), at(50s));
  platform.fail_next("run", 0, "network.error");
  test::finish(loop, settle_once(*ledger, platform, true));
  CHECK_FALSE(ledger->since(at(0s))[1].ended.has_value());  // nothing was learnt
  test::finish(loop, settle_once(*ledger, platform, false));
  CHECK(platform.count("run run_2") == 2);  // an open run is not asked for without need
  platform.fail_next("run", 404, "run.not_found");
  test::finish(loop, settle_once(*ledger, platform, true));
  CHECK(ledger->since(at(0s))[1].ended == at(50s));
  CHECK(ledger->unsettled().empty());
}
