#include <doctest/doctest.h>

#include <fstream>

#include "form.hpp"
#include "local/unzip.hpp"

// Files of spaces: upload, list, content.

namespace bridge::local {
namespace {

using namespace test;

/// A backend over a directory that a test can look into.
template <class Body>
void with_home(Body body) {
  TemporaryDirectory const home;
  BackendOptions options;
  options.state = home.path();
  options.upload_max = 1 << 20;
  auto const blobs = home.path() / "blobs";
  with_fake(options, [&](Scene& scene) -> awaitable<void> { return body(scene, blobs); });
}

std::string paths_of(json const& list) {
  std::string all;
  for (auto const& file : list.at("data")) all += file.at("path").get<std::string>() + " ";
  return all;
}

}  // namespace

TEST_CASE("file operations: a file is uploaded, shown, changed, read and deleted") {
  with_home([](Scene& scene, std::filesystem::path const& blobs) -> awaitable<void> {
    auto& api = scene.api;
    auto form = Form()
                    .file("0123456789", "report.txt", "text/plain")
                    .field("path", "a/b.txt")
                    .field("metadata", R"({"k":1})")
                    .body();
    auto const file = co_await post_form(api, "File", "/v1/files", std::move(form), 201);
    CHECK(file.at("name") == "b.txt");
    CHECK(file.at("path") == "a/b.txt");
    CHECK(file.at("contentType") == "text/plain");
    CHECK(file.at("sizeBytes") == 10);
    CHECK(file.at("source") == "upload");
    CHECK(file.at("metadata").at("k") == 1);
    auto const one = "/v1/files/" + file.at("id").get<std::string>();
    auto const changed =
        co_await api.get("File", "PATCH", one, R"({"name":"é.txt","metadata":null})");
    CHECK(changed.at("name") == "é.txt");
    CHECK_FALSE(changed.contains("metadata"));
    auto const again = co_await api.get("File", "GET", one);
    CHECK(again == changed);

    auto const whole = co_await fetch(scene, one + "/content");
    CHECK(whole.status == 200);
    CHECK(whole.body == "0123456789");
    CHECK(whole.header("content-disposition") ==
          "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A9.txt");
    CHECK(whole.header("content-type") == "application/octet-stream");
    CHECK(whole.header("x-content-type-options") == "nosniff");
    net::HttpHeaders const two_to_four{{"Range", "bytes=2-4"}};
    auto const part = co_await fetch(scene, one + "/content", two_to_four);
    CHECK(part.status == 206);
    CHECK(part.body == "234");
    CHECK(part.header("content-range") == "bytes 2-4/10");
    std::string const etag(whole.header("etag"));
    net::HttpHeaders const unless_same{{"If-None-Match", etag}};
    auto const same = co_await fetch(scene, one + "/content", unless_same);
    CHECK(same.status == 304);
    CHECK(same.body.empty());
    net::HttpHeaders const if_other{{"Range", "bytes=2-4"}, {"If-Range", "\"x\""}};
    auto const stale = co_await fetch(scene, one + "/content", if_other);
    CHECK(stale.status == 200);
    net::HttpHeaders const behind{{"Range", "bytes=10-"}};
    auto const beyond = co_await fetch(scene, one + "/content", behind);
    CHECK(beyond.status == 416);
    CHECK(beyond.header("content-range") == "bytes */10");

    co_await api.get("FileDeleteResponse", "DELETE", one);
    CHECK(files_in(blobs) == 0);
    std::vector<std::string> const targets{one, one + "/content"};
    for (auto const& target : targets) {
      auto const gone = co_await api.send("GET", target);
      CHECK(gone.status == 404);
      CHECK(gone.code() == "file.not_found");
    }
  });
}

TEST_CASE("file operations: an empty file is one, too") {
  with_home([](Scene& scene, std::filesystem::path const&) -> awaitable<void> {
    auto form = Form().file("").body();
    auto const file = co_await post_form(scene.api, "File", "/v1/files", std::move(form), 201);
    auto const target = "/v1/files/" + file.at("id").get<std::string>() + "/content";
    auto const content = co_await fetch(scene, target);
    CHECK(content.status == 200);
    CHECK(content.body.empty());
  });
}

TEST_CASE("file operations: what must not be a file is refused, and nothing is left of it") {
  with_home([](Scene& scene, std::filesystem::path const& blobs) -> awaitable<void> {
    struct Row {
      std::string body;
      unsigned status;
      std::string code;
      std::string field;
    };
    auto const path = [](std::string const& value) {
      return Form().file("x").field("path", value).body();
    };
    std::string const invalid = "storage_file.path_invalid";
    std::vector<Row> const rows{
        {path("../a"), 400, invalid, "path"},
        {path("/etc/passwd"), 400, invalid, "path"},
        {path("a/../../b"), 400, invalid, "path"},
        {path("a/" + std::string(256, 'n')), 400, invalid, "path"},
        {path(std::string(5000, 'n')), 400, invalid, "path"},
        {Form().field("name", "a/b").file("x").body(), 400, invalid, "name"},
        {Form().field("name", std::string(256, 'n')).file("x").body(), 400, invalid, "name"},
        {Form().file("x").field("metadata", "[1]").body(), 400, "request.invalid", "metadata"},
        {Form().file("x").field("metadata", "{").body(), 400, "request.invalid", "metadata"},
        {Form().field("path", "a").body(), 400, "request.invalid", "file"},
        {Form().file("x").file("y").body(), 400, "request.invalid", "file"},
    };
    for (auto const& [body, status, code, field] : rows) {
      auto const reply = co_await post_form(scene.api, "/v1/files", body);
      CAPTURE(reply.body.dump());
      CHECK(reply.status == status);
      CHECK(reply.code() == code);
      CHECK(reply.field() == field);
      CHECK(files_in(blobs) == 0);
    }
    auto const open = co_await post_form(scene.api, "/v1/files", "--xYz\r\nbroken");
    CHECK(open.status == 400);
    auto const text = co_await scene.api.send("POST", "/v1/files", "{}");
    CHECK(text.status == 415);
    auto form = Form().file("x").body();
    auto const nowhere = co_await post_form(
        scene.api, "/v1/files?spaceId=00000000-0000-4000-8000-000000000000", std::move(form));
    CHECK(nowhere.code() == "space.not_found");
    CHECK(files_in(blobs) == 0);
  });
}

TEST_CASE("file operations: more than may be uploaded is refused, declared or not") {
  with_home([](Scene& scene, std::filesystem::path const& blobs) -> awaitable<void> {
    auto form = Form().file(std::string(1 << 20, 'x')).body();
    auto const reply = co_await post_form(scene.api, "/v1/files", std::move(form));
    CHECK(reply.status == 413);
    for (std::string const target :
         {"/v1/files", "/v1/browser-extensions/upload", "/v1/runtimes/r/files/upload"}) {
      auto const status = co_await status_of_head(
          scene, "POST " + target +
                     " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1073741824\r\n" +
                     "Authorization: Bearer local_test\r\nContent-Type: " + Form::kType +
                     "\r\n\r\n--xYz\r\n");
      CHECK(status == "HTTP/1.1 413 Payload Too Large");
    }
    CHECK(files_in(blobs) == 0);
  });
}

TEST_CASE("file operations: a path is taken once, and a name as often as one likes") {
  with_home([](Scene& scene, std::filesystem::path const& blobs) -> awaitable<void> {
    auto const form = Form().file("x").field("path", "a/b").body();
    co_await post_form(scene.api, "File", "/v1/files", form, 201);
    auto other = Form().file("another").field("path", "a/b").body();
    auto const taken = co_await post_form(scene.api, "/v1/files", std::move(other));
    CHECK(taken.status == 409);
    CHECK(taken.code() == "storage_file.path_exists");
    CHECK(files_in(blobs) == 1);
  });
}

TEST_CASE("file operations: lists have folders, filters and pages") {
  with_home([](Scene& scene, std::filesystem::path const&) -> awaitable<void> {
    auto& api = scene.api;
    for (std::string const path : {"top.txt", "a/one.txt", "a/b/two.txt", "a/b/three.md"}) {
      auto form = Form().file("x").field("path", path).body();
      co_await post_form(api, "File", "/v1/files", std::move(form), 201);
    }
    auto const all = co_await api.get("FileListResponse", "GET", "/v1/files");
    CHECK(paths_of(all) == "a/b/three.md a/b/two.txt a/one.txt top.txt ");
    CHECK_FALSE(all.contains("folders"));
    auto const top = co_await api.get("FileListResponse", "GET", "/v1/files?include=folders");
    CHECK(paths_of(top) == "top.txt ");
    REQUIRE(top.at("folders").size() == 1);
    CHECK(top.at("folders").at(0).at("path") == "a");
    CHECK(top.at("folders").at(0).at("fileCount") == 3);
    auto const inside =
        co_await api.get("FileListResponse", "GET", "/v1/files?include=folders&prefix=a");
    CHECK(paths_of(inside) == "a/one.txt ");
    CHECK(inside.at("folders").at(0).at("path") == "a/b");
    auto const found = co_await api.get("FileListResponse", "GET", "/v1/files?q=TWO");
    CHECK(paths_of(found) == "a/b/two.txt ");
    auto const exact = co_await api.get("FileListResponse", "GET", "/v1/files?path=a/one.txt");
    CHECK(paths_of(exact) == "a/one.txt ");
    auto const later =
        co_await api.get("FileListResponse", "GET", "/v1/files?createdAfter=2999-01-01T00:00:00Z");
    CHECK(paths_of(later) == "");
    auto const page = co_await api.get("FileListResponse", "GET", "/v1/files?limit=3");
    CHECK(page.at("data").size() == 3);
    auto const rest =
        co_await api.get("FileListResponse", "GET",
                         "/v1/files?limit=3&cursor=" + page.at("nextCursor").get<std::string>());
    CHECK(paths_of(rest) == "top.txt ");
    CHECK(rest.at("nextCursor").is_null());
    auto const when = co_await api.send("GET", "/v1/files?createdAfter=yesterday");
    CHECK(when.status == 400);
    CHECK(when.field() == "createdAfter");
  });
}

TEST_CASE(
    "file operations: a subaccount has its own files only, and a space takes its files along") {
  with_home([](Scene& scene, std::filesystem::path const& blobs) -> awaitable<void> {
    auto& api = scene.api;
    auto const sub =
        co_await api.get("Subaccount", "POST", "/v1/subaccounts", R"({"name":"one"})", 201);
    auto form = Form().file("ours").body();
    auto const ours = co_await post_form(api, "File", "/v1/files", std::move(form), 201);
    auto const everyone = api.headers;
    api.headers.emplace_back("BCTRL-Subaccount-Id", sub.at("id").get<std::string>());
    auto const none = co_await api.get("FileListResponse", "GET", "/v1/files");
    CHECK(none.at("data").empty());
    auto const one = "/v1/files/" + ours.at("id").get<std::string>();
    for (auto const method : {"GET", "PATCH", "DELETE"}) {
      auto const hidden = co_await api.send(method, one);
      CHECK(hidden.code() == "file.not_found");
    }
    auto const hidden = co_await api.send("GET", one + "/content");
    CHECK(hidden.code() == "file.not_found");
    auto const space = co_await api.get("Space", "POST", "/v1/spaces", "{}", 201);
    auto const id = space.at("id").get<std::string>();
    auto theirs = Form().file("theirs").body();
    co_await post_form(api, "File", "/v1/files?spaceId=" + id, std::move(theirs), 201);
    CHECK(files_in(blobs) == 2);
    co_await api.get("SpaceDeleteResponse", "DELETE", "/v1/spaces/" + id);
    CHECK(files_in(blobs) == 1);
    api.headers = everyone;
  });
}

}  // namespace bridge::local
