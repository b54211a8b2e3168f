#include "local/files.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temporary_directory.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::local;
namespace fs = std::filesystem;

namespace {

struct Bench {
  test::TemporaryDirectory home;
  net::Loop loop;
  std::unique_ptr<Store> store = Store::open(std::nullopt).value();
  std::unique_ptr<Files> files = Files::open(*store, home.path()).value();

  template <class Body>
  void run(Body body) {
    test::run(loop, body());
  }
  awaitable<Outcome<StoredFile>> add(std::string text, std::string name, std::string path = "") {
    auto writer = files->blobs().begin().value();
    REQUIRE(writer.write(text).has_value());
    auto const blob = co_await files->blobs().keep(std::move(writer));
    StoredFile file;
    file.space = store->default_space();
    file.name = std::move(name);
    file.path = std::move(path);
    file.source = "upload";
    co_return files->add(std::move(file), blob.value());
  }
  [[nodiscard]] std::size_t blobs() const {
    fs::directory_iterator const all(home.path() / "blobs");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  Runtime add_runtime() const {
    Runtime runtime;
    runtime.id = RuntimeId{"r1"};
    runtime.space = store->default_space();
    runtime.name = "one";
    runtime.config = "{}";
    store->add(runtime);
    Run run;
    run.id = RunId{"run1"};
    run.runtime = runtime.id;
    run.space = runtime.space;
    Event event;
    event.run = run.id;
    event.type = "runtime.lifecycle";
    store->begin_run(run, event);
    return store->runtime(runtime.id).value();
  }
  void put(fs::path const& path, std::string_view bytes) const {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << bytes;
  }
};

}  // namespace

TEST_CASE("files: a path that is free is found for a name, and a path of its own must be free") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto const first = co_await bench.add("1", "a.txt");
    CHECK(first->path == "a.txt");
    CHECK(first->content_type == "text/plain");
    auto const second = co_await bench.add("2", "a.txt");
    CHECK(second->path == "a (2).txt");
    CHECK(second->name == "a.txt");
    CHECK(bench.blobs() == 2);
    auto const taken = co_await bench.add("3", "b.txt", "a.txt");
    REQUIRE_FALSE(taken.has_value());
    CHECK(taken.error().status == 409);
    CHECK(taken.error().code == "storage_file.path_exists");
    // What was written in vain has gone.
    CHECK(bench.blobs() == 2);
  });
}

TEST_CASE("files: bytes go with the last file that has them") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto const one = co_await bench.add("same", "one");
    auto const two = co_await bench.add("same", "two");
    CHECK(bench.blobs() == 1);
    bench.files->remove(*one);
    CHECK(bench.blobs() == 1);
    {
      // Somebody still reads it.
      Blob const pinned(bench.files->blobs(), two->hash, 4);
      bench.files->remove(*two);
      CHECK(bench.blobs() == 1);
    }
    CHECK(bench.blobs() == 0);
  });
}

TEST_CASE("files: a space that has gone gets no file, and its files go with it") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    Space space;
    space.id = SpaceId{"another"};
    space.name = "another";
    bench.store->add(space);
    auto writer = bench.files->blobs().begin().value();
    REQUIRE(writer.write("text").has_value());
    auto const kept = co_await bench.files->blobs().keep(std::move(writer));
    StoredFile file;
    file.space = space.id;
    file.name = "a";
    file.source = "upload";
    REQUIRE(bench.files->add(file, *kept).has_value());
    auto const shared = co_await bench.add("everybody's", "b");
    file.name = "b";
    file.path.clear();
    {
      auto same = bench.files->blobs().begin().value();
      REQUIRE(same.write("everybody's").has_value());
      auto const blob = co_await bench.files->blobs().keep(std::move(same));
      REQUIRE(bench.files->add(file, *blob).has_value());
    }
    bench.files->remove_space(space.id);
    CHECK_FALSE(bench.files->rows().has_path(space.id, "a"));
    CHECK_FALSE(bench.store->space(space.id));
    CHECK(bench.files->blobs().read(shared->hash).has_value());
    auto const late = bench.files->add(file, *kept);
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().code == "space.not_found");
  });
  CHECK(bench.blobs() == 1);
}

TEST_CASE("files: what a runtime has made is collected, with where it is from") {
  Bench bench;
  auto const runtime = bench.add_runtime();
  bench.put(bench.files->workspaces().path_of(runtime.id) / "out/report.csv", "a,b");
  bench.run([&]() -> awaitable<void> {
    StoredFile wanted;
    auto const file = co_await bench.files->collect(runtime, "out/report.csv", wanted);
    REQUIRE(file.has_value());
    CHECK(file->path == "report.csv");
    CHECK(file->content_type == "text/csv");
    CHECK(file->size == 3);
    auto const view = bench.files->view(*file);
    CHECK(view.at("source") == "runtime");
    CHECK(view.at("runtimeId") == "r1");
    CHECK(view.at("runId") == "run1");
    auto const none = co_await bench.files->collect(runtime, "none", wanted);
    CHECK(none.error().code == "runtime_file.not_found");
  });
}

TEST_CASE("files: a download becomes a file of its run, and lies in the runtime's downloads") {
  Bench bench;
  auto const runtime = bench.add_runtime();
  auto const kept = bench.home.path() / "kept" / "guid";
  bench.put(kept, "downloaded");
  bench.run([&]() -> awaitable<void> {
    auto const file = co_await bench.files->keep_download(RunId{"run1"}, kept, "../../a\n.pdf");
    REQUIRE(file.has_value());
    CHECK(file->name == "a_.pdf");
    CHECK(file->type == "download");
    CHECK(file->run == "run1");
    CHECK(file->content_type == "application/pdf");
    CHECK(fs::exists(bench.files->workspaces().path_of(runtime.id) / "downloads/a_.pdf"));
    auto const again = co_await bench.files->keep_download(RunId{"run1"}, kept, "a_.pdf");
    CHECK(again->path == "a_ (2).pdf");
    auto const stranger = co_await bench.files->keep_download(RunId{"run2"}, kept, "a");
    CHECK(stranger.error().code == "run.not_found");
  });
}

TEST_CASE("files: what a crash has left goes at the next start") {
  Bench bench;
  auto const runtime = bench.add_runtime();
  bench.run([&]() -> awaitable<void> { co_await bench.add("used", "a"); });
  bench.put(bench.home.path() / "blobs/new-1-1", "half");
  bench.put(bench.home.path() / "workspaces/r1/a", "of a runtime");
  bench.put(bench.home.path() / "workspaces/r2/a", "of none");
  bench.files.reset();
  bench.files = Files::open(*bench.store, bench.home.path()).value();
  CHECK(bench.blobs() == 1);
  CHECK(fs::exists(bench.home.path() / "workspaces/r1/a"));
  CHECK_FALSE(fs::exists(bench.home.path() / "workspaces/r2"));
}
