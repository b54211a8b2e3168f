#include "local/file_store.hpp"

#include <doctest/doctest.h>

#include "local/store.hpp"

using namespace bridge;
using namespace bridge::local;

namespace {

struct Bench {
  std::unique_ptr<Store> store = Store::open(std::nullopt).value();
  FileStore files{store->database()};

  StoredFile add(
      std::string const& path, void (*change)(StoredFile&) = [](StoredFile&) {}) {
    StoredFile file;
    file.id = "id of " + path;
    file.space = store->default_space();
    file.path = path;
    file.name = path.substr(path.rfind('/') + 1);
    file.content_type = "text/plain";
    file.size = 10;
    file.hash = "hash";
    file.source = "upload";
    change(file);
    REQUIRE(files.add(file));
    return file;
  }
  [[nodiscard]] std::string paths(FileFilter const& filter) {
    std::string all;
    for (auto const& file : files.list(filter, Range()).rows) all += file.path + " ";
    return all;
  }
  template <class Set>
  [[nodiscard]] std::string paths_by(Set set) {
    FileFilter filter;
    set(filter);
    return paths(filter);
  }
};

}  // namespace

TEST_CASE("file store: a file is found as it was added, and its path is taken") {
  Bench bench;
  auto file = bench.add("a/b.txt", [](StoredFile& it) {
    it.type = "download";
    it.run = "run";
    it.runtime = "runtime";
    it.metadata = "{}";
    it.created_at = moment(1234);
  });
  auto const found = bench.files.find(file.id);
  REQUIRE(found);
  CHECK(found->path == "a/b.txt");
  CHECK(found->type == "download");
  CHECK(found->run == "run");
  CHECK(found->runtime == "runtime");
  CHECK(found->metadata == "{}");
  CHECK(found->created_at == moment(1234));
  CHECK(bench.files.has_path(file.space, "a/b.txt"));
  file.id = "another";
  CHECK_FALSE(bench.files.add(file));
  CHECK_FALSE(bench.files.find("another"));
  bench.files.remove("id of a/b.txt");
  CHECK_FALSE(bench.files.has_path(file.space, "a/b.txt"));
}

TEST_CASE("file store: lists are narrowed by each filter") {
  Bench bench;
  bench.add("a/one.txt");
  bench.add("a/b/two.TXT", [](StoredFile& it) {
    it.source = "runtime";
    it.type = "download";
    it.run = "run";
    it.runtime = "runtime";
    it.created_at = moment(2000);
  });
  bench.add("a_c/three");
  CHECK(bench.paths({}) == "a_c/three a/b/two.TXT a/one.txt ");
  CHECK(bench.paths_by([](auto& f) { f.source = "runtime"; }) == "a/b/two.TXT ");
  CHECK(bench.paths_by([](auto& f) { f.path = "a/one.txt"; }) == "a/one.txt ");
  // No wild cards: "_" and "%" are themselves.
  CHECK(bench.paths_by([](auto& f) { f.prefix = "a_"; }) == "a_c/three ");
  CHECK(bench.paths_by([](auto& f) { f.prefix = "a/"; }) == "a/b/two.TXT a/one.txt ");
  CHECK(bench.paths_by([](auto& f) { f.text = "two.t"; }) == "a/b/two.TXT ");
  CHECK(bench.paths_by([](auto& f) { f.text = "A_C/"; }) == "a_c/three ");
  CHECK(bench.paths_by([](auto& f) { f.text = "%"; }) == "");
  CHECK(bench.paths_by([](auto& f) { f.run = "run"; }) == "a/b/two.TXT ");
  CHECK(bench.paths_by([](auto& f) { f.runtime = "runtime"; }) == "a/b/two.TXT ");
  CHECK(bench.paths_by([](auto& f) { f.types = {"picture", "download"}; }) == "a/b/two.TXT ");
  CHECK(bench.paths_by([](auto& f) { f.created_after = moment(1999); }) == "a/b/two.TXT ");
  CHECK(bench.paths_by([](auto& f) { f.created_after = moment(2000); }) == "");
  CHECK(bench.paths_by([](auto& f) { f.space = "another"; }) == "");
  CHECK(bench.paths_by([](auto& f) { f.subaccount = "another"; }) == "");
}

TEST_CASE("file store: folders are what paths have in common") {
  Bench bench;
  for (auto const path : {"top", "a/one", "a/b/two", "a/b/three", "c/four"}) bench.add(path);
  FileFilter all;
  auto const at_top = bench.files.folders(all);
  REQUIRE(at_top.size() == 2);
  CHECK(at_top[0].name == "a");
  CHECK(at_top[0].files == 3);
  CHECK(at_top[0].bytes == 30);
  CHECK(at_top[1].name == "c");
  all.direct = true;
  CHECK(bench.paths(all) == "top ");
  FileFilter inside;
  inside.prefix = "a/";
  auto const in_a = bench.files.folders(inside);
  REQUIRE(in_a.size() == 1);
  CHECK(in_a[0].name == "b");
  CHECK(in_a[0].files == 2);
  inside.direct = true;
  CHECK(bench.paths(inside) == "a/one ");
  FileFilter anything;
  CHECK(bench.files.totals(anything).files == 5);
  CHECK(bench.files.totals(anything).bytes == 50);
}

TEST_CASE("file store: none of the folders is left out") {
  Bench bench;
  for (int i = 0; i < 1200; ++i) bench.add("d" + std::to_string(i) + "/file");
  CHECK(bench.files.folders(FileFilter()).size() == 1200);
}

TEST_CASE("file store: which blobs are used") {
  Bench bench;
  bench.add("a", [](StoredFile& it) { it.hash = "one"; });
  bench.add("b", [](StoredFile& it) { it.hash = "one"; });
  bench.add("c", [](StoredFile& it) { it.hash = "two"; });
  CHECK(bench.files.hashes(std::nullopt) == std::set<std::string>{"one", "two"});
  bench.files.remove("id of a");
  CHECK(bench.files.uses("one"));
  bench.files.remove("id of b");
  CHECK_FALSE(bench.files.uses("one"));
}
