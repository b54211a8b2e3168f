#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "form.hpp"
#include "local/unzip.hpp"

// Files of runtimes and of runs: stage, upload, collect, export.

namespace bridge::local {
namespace {

using namespace test;
namespace fs = std::filesystem;

/// A backend over a directory, and a runtime that has had a run.
struct Bench {
  Scene& scene;
  Api& api;
  fs::path home;
  std::string runtime;
  std::string run;

  [[nodiscard]] std::string files() const { return "/v1/runtimes/" + runtime + "/files"; }
  [[nodiscard]] fs::path workspace() const { return home / "workspaces" / runtime; }
  [[nodiscard]] std::string text(std::string const& path) const {
    std::ifstream file(workspace() / path);
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }
  void put(std::string const& path, std::string const& bytes) const {
    fs::create_directories((workspace() / path).parent_path());
    std::ofstream(workspace() / path) << bytes;
  }
};

template <class Body>
void with_runtime(Body body) {
  TemporaryDirectory const home;
  BackendOptions options;
  options.state = home.path();
  with_fake(options, [&](Scene& scene) -> awaitable<void> {
    Bench bench{scene, scene.api, home.path(), "", ""};
    bench.runtime = co_await scene.api.create();
    auto const started = co_await scene.api.start(bench.runtime);
    bench.run = started.at("runId").template get<std::string>();
    co_await scene.api.stop(bench.runtime);
    co_await body(bench);
  });
}

std::string quoted(std::string const& name, std::string const& value) {
  return json{{name, value}}.dump();
}

}  // namespace

TEST_CASE("runtime files: an upload is staged, and a file of the space as well") {
  with_runtime([](Bench& bench) -> awaitable<void> {
    auto form = Form()
                    .file("bytes", "cv.pdf", "application/pdf")
                    .field("runtimePath", "in/cv.pdf")
                    .field("destinationPath", "people/cv.pdf")
                    .field("metadata", R"({"k":1})")
                    .body();
    auto const staged = co_await post_form(bench.api, "RuntimeStagedFile",
                                           bench.files() + "/upload", std::move(form), 200);
    CHECK(staged.at("runtimePath") == "in/cv.pdf");
    CHECK(staged.at("name") == "cv.pdf");
    CHECK(staged.at("sizeBytes") == 5);
    CHECK(bench.text("in/cv.pdf") == "bytes");
    auto const kept = co_await bench.api.get("FileListResponse", "GET", "/v1/files");
    REQUIRE(kept.at("data").size() == 1);
    auto const& file = kept.at("data").at(0);
    CHECK(file.at("path") == "people/cv.pdf");
    CHECK(file.at("runtimeId") == bench.runtime);
    CHECK(file.at("contentType") == "application/pdf");
    // Collected is another thing.
    auto const collected = co_await bench.api.get("RuntimeFileListResponse", "GET", bench.files());
    CHECK(collected.at("data").empty());
  });
}

TEST_CASE("runtime files: a file of the space is staged under any path") {
  with_runtime([](Bench& bench) -> awaitable<void> {
    auto form = Form().file("bytes", "a.txt").body();
    auto const file = co_await post_form(bench.api, "File", "/v1/files", std::move(form), 201);
    auto const id = file.at("id").get<std::string>();
    auto const target = bench.files() + "/stage";
    auto const plain =
        co_await bench.api.get("RuntimeStagedFile", "POST", target, quoted("fileId", id));
    CHECK(plain.at("runtimePath") == "uploads/a.txt");
    CHECK(bench.text("uploads/a.txt") == "bytes");
    json const elsewhere{{"fileId", id}, {"name", "b"}, {"runtimePath", "x/y"}};
    auto const named =
        co_await bench.api.get("RuntimeStagedFile", "POST", target, elsewhere.dump());
    CHECK(named.at("name") == "b");
    CHECK(bench.text("x/y") == "bytes");
    auto const unknown = co_await bench.api.send(
        "POST", target, quoted("fileId", "00000000-0000-4000-8000-000000000000"));
    CHECK(unknown.code() == "file.not_found");
    for (std::string const path : {"../x", "/x", "a/../../x"}) {
      json const body{{"fileId", id}, {"runtimePath", path}};
      auto const refused = co_await bench.api.send("POST", target, body.dump());
      CHECK(refused.status == 400);
      CHECK(refused.code() == "runtime_file.path_invalid");
      CHECK(refused.field() == "runtimePath");
    }
    CHECK(files_in(bench.workspace()) == 2);
  });
}

TEST_CASE("runtime files: an upload is both or nothing") {
  with_runtime([](Bench& bench) -> awaitable<void> {
    auto const upload = [&](Form const& form) {
      return post_form(bench.api, bench.files() + "/upload", form.body());
    };
    fs::create_directories(bench.workspace() / "folder");
    auto const into_folder = co_await upload(Form().file("x").field("runtimePath", "folder"));
    CHECK(into_folder.code() == "runtime_file.path_invalid");
    auto const outside = co_await upload(Form().file("x").field("runtimePath", "../x"));
    CHECK(outside.field() == "runtimePath");
    auto const destination = co_await upload(Form().file("x").field("destinationPath", "/x"));
    CHECK(destination.field() == "destinationPath");
    CHECK(destination.code() == "storage_file.path_invalid");
    CHECK(files_in(bench.home / "blobs") == 0);
    CHECK(files_in(bench.workspace()) == 0);
    auto const first = co_await upload(Form().file("1").field("destinationPath", "taken"));
    CHECK(first.status == 200);
    auto const second =
        co_await upload(Form().file("2", "b.txt").field("destinationPath", "taken"));
    CHECK(second.code() == "storage_file.path_exists");
    CHECK(files_in(bench.home / "blobs") == 1);
    CHECK(files_in(bench.workspace()) == 1);
    auto const nobody = co_await post_form(
        bench.api, "/v1/runtimes/00000000-0000-4000-8000-000000000000/files/upload",
        Form().file("x").body());
    CHECK(nobody.code() == "runtime.not_found");
  });
}

TEST_CASE("runtime files: what lies in the workspace is collected, listed and exported") {
  with_runtime([](Bench& bench) -> awaitable<void> {
    bench.put("out/a.csv", "a,b");
    bench.put("out/b.png", "picture");
    auto const target = bench.files() + "/collect";
    json const body{{"runtimePath", "out/a.csv"},
                    {"destinationPath", "results/a.csv"},
                    {"type", "report"},
                    {"metadata", {{"k", 1}}}};
    auto const file = co_await bench.api.get("File", "POST", target, body.dump());
    CHECK(file.at("path") == "results/a.csv");
    CHECK(file.at("source") == "runtime");
    CHECK(file.at("type") == "report");
    CHECK(file.at("runId") == bench.run);
    CHECK(file.at("metadata").at("k") == 1);
    co_await bench.api.get("File", "POST", target, quoted("runtimePath", "out/b.png"));
    auto const listed = co_await bench.api.get("RuntimeFileListResponse", "GET", bench.files());
    CHECK(listed.at("data").size() == 2);
    auto const reports = co_await bench.api.get("RunFileListResponse", "GET",
                                                "/v1/runs/" + bench.run + "/files?type=report");
    CHECK(reports.at("data").size() == 1);
    auto const missing = co_await bench.api.send("POST", target, quoted("runtimePath", "none"));
    CHECK(missing.status == 404);
    CHECK(missing.code() == "runtime_file.not_found");
    fs::create_symlink("/etc/passwd", bench.workspace() / "link");
    for (std::string const path : {"link", "../x", "out"}) {
      auto const refused = co_await bench.api.send("POST", target, quoted("runtimePath", path));
      CHECK(refused.status == 400);
      CHECK(refused.code() == "runtime_file.path_invalid");
    }

    auto const all = "/v1/runs/" + bench.run + "/files/export";
    auto const zip = co_await bench.api.get("File", "POST", all, R"({"name":"all.zip"})", 201);
    CHECK(zip.at("path") == "all.zip");
    CHECK(zip.at("type") == "export");
    CHECK(zip.at("metadata").at("fileCount") == 2);
    auto const content =
        co_await fetch(bench.scene, "/v1/files/" + zip.at("id").get<std::string>() + "/content");
    TemporaryDirectory const into;
    REQUIRE(unzip(content.body, into.path(), UnzipLimits()).has_value());
    CHECK(files_in(into.path()) == 2);
    CHECK(fs::file_size(into.path() / "results/a.csv") == 3);
    auto const again = co_await bench.api.send("POST", all, R"({"name":"all.zip"})");
    CHECK(again.code() == "storage_file.path_exists");
    // Without a body it finds a name; and an export is no part of the next.
    auto const next = co_await bench.api.get("File", "POST", all, R"({"type":["report"]})", 201);
    CHECK(next.at("metadata").at("fileCount") == 1);
    auto const empty = co_await bench.api.get("File", "POST", all, "", 201);
    CHECK(empty.at("metadata").at("fileCount") == 2);
    for (std::string const name : {"../a.zip", "a/b.zip", "a.tar"}) {
      auto const refused = co_await bench.api.send("POST", all, quoted("name", name));
      CHECK(refused.status == 400);
      CHECK(refused.field() == "name");
    }
  });
}

TEST_CASE("runtime files: an export is made once for one Idempotency-Key") {
  with_runtime([](Bench& bench) -> awaitable<void> {
    auto const target = "/v1/runs/" + bench.run + "/files/export";
    bench.api.headers.emplace_back("Idempotency-Key", "once");
    auto const first = co_await bench.api.get("File", "POST", target, "", 201);
    auto const second = co_await bench.api.get("File", "POST", target, "", 201);
    CHECK(first == second);
    auto const files = co_await bench.api.get("FileListResponse", "GET", "/v1/files");
    CHECK(files.at("data").size() == 1);
  });
}

TEST_CASE("runtime files: they go with their runtime, and what was collected stays") {
  with_runtime([](Bench& bench) -> awaitable<void> {
    bench.put("out/a", "kept");
    co_await bench.api.get("File", "POST", bench.files() + "/collect",
                           quoted("runtimePath", "out/a"));
    co_await bench.api.get("RuntimeDeleteResponse", "DELETE", "/v1/runtimes/" + bench.runtime);
    CHECK_FALSE(fs::exists(bench.workspace()));
    auto const files = co_await bench.api.get("FileListResponse", "GET", "/v1/files");
    CHECK(files.at("data").size() == 1);
    auto const gone = co_await bench.api.send("GET", bench.files());
    CHECK(gone.code() == "runtime.not_found");
  });
}

}  // namespace bridge::local
