#include "api/json.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace bridge;
using namespace bridge::api;

namespace {

constexpr auto kUrl = "wss://cdp.example/devtools?token=abcdefgh12345678";

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("json: a runtime of the contract") {
  auto const runtime = read_runtime(R"({"id":"rt_1","spaceId":"sp_1","name":"main","type":"browser",
    "status":"active","activeRunId":"run_1","createdAt":"2026-07-01T00:00:00Z",
    "updatedAt":"2026-07-02T00:00:00Z","lastActivityAt":"2026-07-03T00:00:00Z",
    "config":{"profile":true,"idleTimeoutSeconds":1.0,"a":[1,"\u00e9"]},"metadata":null,
    "connectUrl":"wss://cdp.example/devtools?token=abcdefgh12345678","protocol":"cdp","new":1})");
  REQUIRE(runtime.has_value());
  CHECK(runtime->id == RuntimeId{"rt_1"});
  CHECK(runtime->space == SpaceId{"sp_1"});
  CHECK(runtime->name == "main");
  CHECK(runtime->type == "browser");
  CHECK(runtime->life() == Life::active);
  CHECK(runtime->active_run == RunId{"run_1"});
  CHECK(runtime->created_at == "2026-07-01T00:00:00Z");
  CHECK(runtime->updated_at == "2026-07-02T00:00:00Z");
  CHECK(runtime->last_activity_at == "2026-07-03T00:00:00Z");
  CHECK(runtime->config_json ==
        "{\"profile\":true,\"idleTimeoutSeconds\":1.0,\"a\":[1,\"\xc3\xa9\"]}");
  CHECK(runtime->metadata_json.empty());
  CHECK(runtime->connect_url.reveal() == kUrl);
  CHECK(runtime->protocol == "cdp");
}

TEST_CASE("json: a stopped runtime has neither run nor URL") {
  auto const runtime = read_runtime(R"({"id":"rt_1","status":"stopped","activeRunId":null,
    "latestRun":{"id":"run_old"}})");
  REQUIRE(runtime.has_value());
  CHECK(runtime->active_run.empty());
  CHECK(runtime->connect_url.empty());
  CHECK(runtime->life() == Life::ended);
}

TEST_CASE("json: every place a CDP URL and a run id were ever put") {
  struct Row {
    std::string body;
    char const* run;
  };
  std::string const url = std::string("\"") + kUrl + "\"";
  Row const rows[] = {
      {R"({"runtimeId":"rt_1","runId":"run_1","connectUrl":)" + url + "}", "run_1"},
      {R"({"resourceId":"rt_1","runId":"run_1","cdpUrl":)" + url + "}", "run_1"},
      {R"({"id":"rt_1","connection":{"runId":"run_1","cdpUrl":)" + url + "}}", "run_1"},
      {R"({"id":"rt_1","connection":{"runId":"run_1","connectUrl":)" + url + "}}", "run_1"},
      {R"({"id":"rt_1","activeRunId":"run_1","connections":{"cdpUrl":)" + url + "}}", "run_1"},
      {R"({"id":"rt_1","currentRun":{"id":"run_1","connections":{"cdpUrl":)" + url + "}}}",
       "run_1"},
      {R"({"id":"rt_1","latestRun":{"id":"run_1"},"endpoint":{"url":)" + url + "}}", "run_1"},
      {R"({"id":"rt_1","connectUrl":"","connection":null,"cdpUrl":)" + url + "}", ""},
      {R"({"id":"rt_1","connectUrl":7,"endpoint":{"url":)" + url + "}}", ""},
  };
  for (auto const& row : rows) {
    CAPTURE(row.body);
    auto const start = read_runtime_start(row.body);
    REQUIRE(start.has_value());
    CHECK(start->connect_url.reveal() == kUrl);
    CHECK(start->runtime == RuntimeId{"rt_1"});
    CHECK(start->run.value == row.run);
    auto const runtime = read_runtime(row.body);
    REQUIRE(runtime.has_value());
    CHECK(runtime->connect_url.reveal() == kUrl);
  }
}

TEST_CASE("json: connectUrl goes before the later names") {
  auto const start = read_runtime_start(R"({"id":"rt_1","cdpUrl":"wss://two.example/",
    "connection":{"cdpUrl":"wss://three.example/"},"connectUrl":"wss://one.example/"})");
  CHECK(start->connect_url.reveal() == "wss://one.example/");
}

TEST_CASE("json: a start with everything, and one that is still under way") {
  auto const start = read_runtime_start(R"({"runtimeId":"rt_1","runId":"run_1","status":"active",
    "connectUrl":"wss://cdp.example/x","protocol":"cdp","started":true,
    "webDriverUrl":"https://wd.example/secret","expiresAt":"2026-07-01T00:00:00Z"})");
  REQUIRE(start.has_value());
  CHECK(start->started);
  CHECK(start->status == "active");
  CHECK(start->protocol == "cdp");
  REQUIRE(start->webdriver_url.has_value());
  CHECK(start->webdriver_url->reveal() == "https://wd.example/secret");
  CHECK(start->expires_at == "2026-07-01T00:00:00Z");

  auto const later = read_runtime_start(R"({"id":"rt_1","status":"starting"})");
  REQUIRE(later.has_value());
  CHECK(later->connect_url.empty());
  CHECK(!later->started);
  CHECK(!later->webdriver_url.has_value());
}

TEST_CASE("json: lists, their cursor, and items that are of no use") {
  auto const page = read_runtimes(
      R"({"data":[{"id":"rt_1"},{"name":"no id"},7,null,{"id":"rt_2"}],"nextCursor":"c=/1"})");
  REQUIRE(page.has_value());
  REQUIRE(page->data.size() == 2);
  CHECK(page->data[1].id == RuntimeId{"rt_2"});
  CHECK(page->next_cursor == "c=/1");
  CHECK(read_spaces(R"({"data":[],"nextCursor":null})")->next_cursor.empty());
  CHECK(read_runs(R"({"data":[{"id":"run_1","runtimeId":"rt_1"}]})")->data.size() == 1);
}

TEST_CASE("json: identity, space, stop, run and events") {
  auto const who = read_whoami(R"({"keyId":"k","email":"a@b.example","scope":"organization",
    "organizationId":"o","subaccountId":null,"defaultSpaceId":"sp_1","plan":"free",
    "effectiveScope":{"scope":"subaccount","organizationId":"o","subaccountId":"s",
    "defaultSpaceId":"sp_2"}})");
  REQUIRE(who.has_value());
  CHECK(who->key_id == "k");
  CHECK(who->email == "a@b.example");
  CHECK(who->scope == "subaccount");
  CHECK(who->subaccount_id == "s");
  CHECK(who->default_space == SpaceId{"sp_2"});
  CHECK(who->plan == "free");

  auto const space = read_space(R"({"id":"sp_1","name":"n","createdAt":"c","updatedAt":"u"})");
  REQUIRE(space.has_value());
  CHECK(space->name == "n");

  auto const stop =
      read_runtime_stop(R"({"runtimeId":"rt_1","runId":null,"status":"stopped","stopped":true})");
  REQUIRE(stop.has_value());
  CHECK(stop->stopped);
  CHECK(stop->run.empty());

  auto const run = read_run(R"({"id":"run_1","runtimeId":"rt_1","spaceId":"sp_1","status":"odd",
    "endedAt":"2026-07-01T00:00:00Z","durationSeconds":1.5,
    "failure":{"code":"browser.crashed","message":"m"}})");
  REQUIRE(run.has_value());
  CHECK(run->ended());
  CHECK(run->duration_seconds == 1.5);
  CHECK(run->failure_code == "browser.crashed");

  auto const events = read_events(R"({"data":[{"id":"e1","timestamp":"t","type":"navigation",
    "pageId":"p","data":{"url":"https://a.example/","z":1,"a":2}}],"nextCursor":"x"})");
  REQUIRE(events.has_value());
  auto const& event = events->data.at(0);
  CHECK(event.time == "t");
  CHECK(event.page_id == "p");
  CHECK(event.data_json == R"({"url":"https://a.example/","z":1,"a":2})");
}

TEST_CASE("json: statuses are open") {
  CHECK(life_of("active") == Life::active);
  for (auto const* status : {"stopped", "failed", "ended", "completed", "archived"})
    CHECK(life_of(status) == Life::ended);
  for (auto const* status : {"", "starting", "stopping", "hibernating"})
    CHECK(life_of(status) == Life::transition);
}

TEST_CASE("json: what cannot be read is an error, however hostile") {
  for (auto const& body :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("null"),
        std::string("{}"), std::string(R"({"id":null})"), std::string(R"({"id":7})"),
        std::string(R"({"id":"rt_1")"), std::string("{\"id\":\"\xff\"}"), nested(1'000'000),
        R"({"id":"rt_1","config":)" + nested(300) + "}"}) {
    CAPTURE(body.substr(0, 40));
    auto const runtime = read_runtime(body);
    REQUIRE(!runtime.has_value());
    CHECK(runtime.error().code == "api.error");
  }
  CHECK(!read_runtimes(R"({"data":{}})").has_value());
  CHECK(read_runtime(R"({"id":"rt_1","config":)" + nested(200) + "}").has_value());
  CHECK(read_runtime(R"({"id":"rt_1","name":"[[[[\"[[["})").has_value());
}

TEST_CASE("json: errors in every shape") {
  auto const plain = read_error(409, R"({"error":"busy with a run","code":"runtime.controller_busy",
    "reasonClass":"conflict","hint":"wait","requestId":"req_1",
    "details":{"holder":"invocation"}})");
  CHECK(plain.status == 409);
  CHECK(plain.code == "runtime.controller_busy");
  CHECK(plain.reason_class == "conflict");
  CHECK(plain.message == "busy with a run");
  CHECK(plain.hint == "wait");
  CHECK(plain.request_id == "req_1");
  CHECK(plain.details_json == R"({"holder":"invocation"})");
  CHECK(plain.text() == "409 runtime.controller_busy: busy with a run - wait (request req_1)");

  auto const object = read_error(400, R"({"error":{"code":"request.invalid","message":"m",
    "hint":"h","details":{"a":1}}})");
  CHECK(object.code == "request.invalid");
  CHECK(object.message == "m");
  CHECK(object.hint == "h");
  CHECK(object.details_json == R"({"a":1})");

  CHECK(read_error(400, R"({"message":"m"})").message == "m");
  CHECK(read_error(400, R"({"message":"m"})").code == "api.error");
  CHECK(read_error(502, "<html>\nbad gateway</html>").text() ==
        "502 api.error: <html> bad gateway</html>");
  CHECK(read_error(500, "").code == "api.error");
  CHECK(read_error(500, "[1]").message == "[1]");
  auto const huge = "Bearer " + std::string(4'000'000, 'x');
  CHECK(read_error(500, huge).text().size() < 400);
  auto const wide = read_error(500, R"({"error":")" + huge + R"(","code":")" + huge +
                                        R"(","details":{"a":")" + huge + R"("}})");
  CHECK(wide.text().size() < 800);
  CHECK(wide.details_json.empty());
}

TEST_CASE("json: what kind of error it is") {
  auto const make = [](unsigned status, char const* code, char const* reason = "") {
    ApiError error;
    error.status = status;
    error.code = code;
    error.reason_class = reason;
    return error;
  };
  CHECK(make(409, "runtime.controller_busy").is_busy());
  CHECK(make(400, "Runtime.ControllerIsBUSY").is_busy());
  CHECK(make(409, "api.error").is_busy());
  CHECK(make(423, "api.error").is_busy());
  CHECK(!make(409, "runtime.not_executable").is_busy());
  CHECK(!make(409, "runtime.not_active").is_busy());
  CHECK(!make(409, "tool.name_conflict").is_busy());
  CHECK(!make(409, "idempotency.mismatch").is_busy());
  CHECK(!make(503, "runtime.host_unavailable").is_busy());
  CHECK(make(401, "api.error").is_auth());
  CHECK(make(403, "permission.denied").is_auth());
  CHECK(make(403, "auth.forbidden").is_auth());
  CHECK(!make(403, "local.unsupported", "capability_denied").is_auth());
  CHECK(make(402, "browser.concurrent_quota_exceeded").is_quota());
  CHECK(make(403, "x", "capability_limit_exceeded").is_quota());
  CHECK(!make(429, "rate_limited", "rate_limited").is_quota());
  CHECK(network_error(Error(Errc::timed_out, "GET http://a.example:80")).is_transport());
  CHECK(network_error(Error(Errc::timed_out, "GET http://a.example:80")).text() ==
        "network.error: GET http://a.example:80: timed out");
}

TEST_CASE("json: bodies of requests") {
  RuntimeCreate create;
  CHECK(write_runtime_create(create).value() == "{}");
  create.name = "a \"b\"";
  create.space = SpaceId{"default"};
  create.config_json = R"({ "z": 1, "a": {"profile": true} })";
  create.metadata_json = "{}";
  CHECK(write_runtime_create(create).value() ==
        R"({"name":"a \"b\"","spaceId":"default","config":{"z":1,"a":{"profile":true}},)"
        R"("metadata":{}})");
  for (auto const* bad : {"[]", "7", "{", "null"}) {
    create.config_json = bad;
    CHECK(write_runtime_create(create).error().code == "request.invalid");
  }

  RuntimeUpdate update;
  CHECK(write_runtime_update(update).value() == "{}");
  update.name = "n";
  update.idle_timeout = std::chrono::seconds(900);
  CHECK(write_runtime_update(update).value() == R"({"name":"n","idleTimeoutSeconds":900})");
  update.config_json = "no";
  CHECK(!write_runtime_update(update).has_value());

  CHECK(write_space_create("") == "{}");
  CHECK(write_space_create("x") == R"({"name":"x"})");
}
