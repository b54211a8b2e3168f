#include "local/store.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/uuid.hpp"
#include "local/token.hpp"
#include "temporary_directory.hpp"

using namespace bridge::local;
using bridge::RunId;
using bridge::RuntimeId;
using bridge::SpaceId;
using bridge::test::TemporaryDirectory;

namespace {

std::unique_ptr<Store> in_memory() {
  return Store::open(std::nullopt).value();
}

Runtime add_runtime(Store& store, std::string name = "r") {
  Runtime runtime;
  runtime.id = RuntimeId{bridge::new_uuid()};
  runtime.space = store.default_space();
  runtime.name = std::move(name);
  runtime.config = R"({"profile":true})";
  runtime.created_at = runtime.updated_at = now();
  store.add(runtime);
  return runtime;
}

Event event_of(RunId const& run, std::string type = "runtime.lifecycle") {
  Event event;
  event.run = run;
  event.time = now();
  event.type = std::move(type);
  return event;
}

Run begin_run(Store& store, Runtime const& runtime) {
  Run run;
  run.id = RunId{bridge::new_uuid()};
  run.runtime = runtime.id;
  run.space = runtime.space;
  run.created_at = run.started_at = now();
  store.begin_run(run, event_of(run.id));
  return run;
}

void execute(std::filesystem::path const& directory, char const* sql) {
  sqlite3* database = nullptr;
  sqlite3_open((directory / "local.db").c_str(), &database);
  REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

}  // namespace

TEST_CASE("store: a default space is there from the first start and stays the same") {
  TemporaryDirectory directory;
  auto const first = Store::open(directory.path()).value()->default_space();
  CHECK(Store::open(directory.path()).value()->default_space() == first);
  auto store = Store::open(directory.path()).value();
  CHECK(store->spaces(std::nullopt, Range{}).rows.size() == 1);
}

TEST_CASE("store: what was written is there after reopening") {
  TemporaryDirectory directory;
  RuntimeId runtime;
  RunId run;
  {
    auto store = Store::open(directory.path()).value();
    auto const row = add_runtime(*store, "kept");
    runtime = row.id;
    auto begun = begin_run(*store, row);
    run = begun.id;
    begun.status = Status::stopped;
    begun.finished_at = now();
    store->end_run(begun, Status::stopped, event_of(run));
  }
  auto store = Store::open(directory.path()).value();
  auto const row = store->runtime(runtime).value();
  CHECK(row.name == "kept");
  CHECK(row.config == R"({"profile":true})");
  CHECK(row.status == Status::stopped);
  CHECK(row.active_run == std::nullopt);
  CHECK(store->run(run)->status == Status::stopped);
  CHECK(store->count_events(run) == 2);
}

TEST_CASE("store: a run that a dead process left active is failed, its runtime stopped") {
  TemporaryDirectory directory;
  RuntimeId runtime;
  RunId run;
  {
    auto store = Store::open(directory.path()).value();
    auto const row = add_runtime(*store);
    runtime = row.id;
    run = begin_run(*store, row).id;
    CHECK(store->runtime(runtime)->active_run == run.value);
  }
  auto store = Store::open(directory.path()).value();
  CHECK(store->run(run)->status == Status::failed);
  CHECK(store->run(run)->failure->code == "local.interrupted");
  CHECK(store->run(run)->finished_at.has_value());
  CHECK(store->runtime(runtime)->status == Status::stopped);
  CHECK(store->runtime(runtime)->active_run == std::nullopt);
  auto const events = store->events(run, {}, Range{});
  CHECK(events.rows.back().type == "runtime.lifecycle");
  CHECK(events.rows.back().status == "failed");
}

TEST_CASE("store: more interrupted runs than one page are all ended") {
  TemporaryDirectory directory;
  {
    auto store = Store::open(directory.path()).value();
    for (int i = 0; i < 120; ++i) begin_run(*store, add_runtime(*store));
  }
  auto store = Store::open(directory.path()).value();
  RunFilter active;
  active.statuses = {"active"};
  CHECK(store->runs(active, Range{}).rows.empty());
}

TEST_CASE("store: one process per directory, and the error names the other one") {
  TemporaryDirectory directory;
  auto const first = Store::open(directory.path()).value();
  auto const second = Store::open(directory.path());
  REQUIRE(second.has_error());
  CHECK(second.error().text().find("process " + std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("store: nobody else can read what it writes") {
  TemporaryDirectory directory;
  auto const path = directory.path() / "state";
  auto const store = Store::open(path).value();
  struct stat found {};
  REQUIRE(stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0700);
  for (auto const* const name : {"local.db", "local.db-wal", "local.db-shm", "lock"}) {
    CAPTURE(name);
    REQUIRE(stat((path / name).c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0600);
  }
}

TEST_CASE("store: a layout of the future is refused, a damaged file is an error") {
  TemporaryDirectory directory;
  { auto const store = Store::open(directory.path()).value(); }
  execute(directory.path(), "PRAGMA user_version = 99");
  auto const newer = Store::open(directory.path());
  REQUIRE(newer.has_error());
  CHECK(newer.error().text().find("newer bctrl-bridge") != std::string::npos);

  std::filesystem::remove(directory.path() / "local.db-wal");
  std::filesystem::resize_file(directory.path() / "local.db", 100);
  CHECK(Store::open(directory.path()).has_error());
}

TEST_CASE("store: an empty database of layout 0 is brought up to date") {
  TemporaryDirectory directory;
  execute(directory.path(), "PRAGMA user_version = 0");
  auto const store = Store::open(directory.path()).value();
  CHECK(store->space(store->default_space()).has_value());
}

TEST_CASE("store: lists are newest first and continue behind a position") {
  auto const store = in_memory();
  for (int i = 0; i < 5; ++i) add_runtime(*store, std::to_string(i));
  auto const first = store->runtimes({}, Range{2, std::nullopt});
  CHECK(first.rows.at(0).name == "4");
  CHECK(first.rows.at(1).name == "3");
  REQUIRE(first.next().has_value());
  auto const second = store->runtimes({}, Range{2, first.next()});
  CHECK(second.rows.at(0).name == "2");
  auto const third = store->runtimes({}, Range{2, second.next()});
  CHECK(third.rows.size() == 1);
  CHECK(third.next() == std::nullopt);
}

TEST_CASE("store: filters choose by status, space and runtime") {
  auto const store = in_memory();
  auto const idle = add_runtime(*store, "idle");
  auto const busy = add_runtime(*store, "busy");
  auto const run = begin_run(*store, busy);
  RuntimeFilter active;
  active.statuses = {"active", "failed"};
  CHECK(store->runtimes(active, Range{}).rows.at(0).id == busy.id);
  CHECK(store->runtimes(active, Range{}).rows.size() == 1);
  active.space = "elsewhere";
  CHECK(store->runtimes(active, Range{}).rows.empty());
  RunFilter of;
  of.runtime = idle.id.value;
  CHECK(store->runs(of, Range{}).rows.empty());
  of.runtime = busy.id.value;
  CHECK(store->runs(of, Range{}).rows.at(0).id == run.id);
}

TEST_CASE("store: events are oldest first and filtered") {
  auto const store = in_memory();
  auto const run = begin_run(*store, add_runtime(*store));
  auto page = event_of(run.id, "navigation");
  page.page = "P1";
  page.data = "{}";
  auto const position = store->add(page);
  store->add(event_of(run.id, "download"));
  EventFilter of;
  of.types = {"navigation", "download"};
  auto const events = store->events(run.id, of, Range{});
  CHECK(events.rows.at(0).type == "navigation");
  CHECK(events.rows.at(0).data == "{}");
  CHECK(store->events(run.id, of, Range{50, position}).rows.size() == 1);
  of.page = "P1";
  CHECK(store->events(run.id, of, Range{}).rows.size() == 1);
}

TEST_CASE("store: removing a runtime removes its runs and their events") {
  auto const store = in_memory();
  auto const runtime = add_runtime(*store);
  auto const run = begin_run(*store, runtime);
  store->remove(runtime.id);
  CHECK(store->runtime(runtime.id) == std::nullopt);
  CHECK(store->run(run.id) == std::nullopt);
  CHECK(store->count_events(run.id) == 0);
}

TEST_CASE("store: a run of an unknown runtime is refused and leaves nothing") {
  auto const store = in_memory();
  Run run;
  run.id = RunId{bridge::new_uuid()};
  run.runtime = RuntimeId{"nobody"};
  run.space = store->default_space();
  CHECK_THROWS_AS(store->begin_run(run, event_of(run.id)), bridge::StoreFailure);
  CHECK(store->run(run.id) == std::nullopt);
}

TEST_CASE("store: answers are kept for a day") {
  auto const store = in_memory();
  auto const then = now();
  KeptAnswer answer;
  answer.request = "POST /x";
  answer.status = 200;
  answer.body = "{}";
  store->keep_answer("key", answer, then);
  CHECK(store->kept_answer("key", then + std::chrono::hours(23))->body == "{}");
  CHECK(store->kept_answer("key", then + std::chrono::hours(24)) == std::nullopt);
  CHECK(store->kept_answer("other", then) == std::nullopt);
  store->keep_answer("key", answer, then + std::chrono::hours(25));
  CHECK(store->kept_answer("key", then + std::chrono::hours(26)).has_value());
}
