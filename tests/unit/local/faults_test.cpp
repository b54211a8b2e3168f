#include "local/faults.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "backend_fixture.hpp"
#include "local/frame_counter.hpp"
#include "local/operations.hpp"
#include "local/timestamp.hpp"
#include "net/ws_codec.hpp"

namespace bridge::local {
namespace {

using test::Scene;

std::vector<Route> const& routes() {
  static std::vector<Route> const all = [] {
    std::vector<Route> made;
    for (auto const& operation : all_operations()) made.push_back(operation.route);
    return made;
  }();
  return all;
}

std::string refused_field(std::string_view body) {
  Faults faults;
  auto const fault = faults.add(Json::parse(body), routes());
  if (fault) return "";
  return Json::parse(fault.error().details).at("field");
}

}  // namespace

TEST_CASE("faults: what fits happens as often as was asked for, in the order it was set") {
  Faults faults;
  auto const add = [&](std::string_view body) {
    return faults.add(Json::parse(body), routes()).has_value();
  };
  CHECK(add(R"({"match":{"operation":"runs.list"},"status":503,"count":2})"));
  CHECK(add(R"({"match":{"path":"/v1/ru","method":"GET"},"status":429})"));
  FaultTarget const runs{"runs.list", "GET", "/v1/runs", ""};
  FaultTarget const spaces{"spaces.list", "GET", "/v1/spaces", ""};
  CHECK_FALSE(faults.take_call(spaces));
  CHECK(faults.take_call(runs)->status == 503);
  CHECK(faults.take_call(runs)->status == 503);
  CHECK(faults.take_call(runs)->status == 429);
  CHECK_FALSE(faults.take_call(runs));
  CHECK(faults.view().empty());
  CHECK(add(R"({"match":{"runtimeId":"r"},"cutAfterFrames":3})"));
  CHECK_FALSE(faults.take_call({"runtimes.get", "GET", "/v1/runtimes/r", "r"}));
  CHECK_FALSE(faults.take_cut("other"));
  CHECK(faults.take_cut("r") == 3);
  CHECK_FALSE(faults.take_cut("r"));
}

TEST_CASE("faults: one that would do nothing, or not what was meant, is refused") {
  CHECK(refused_field(R"({"status":503,"match":{"operation":"runs.list"}})") == "");
  CHECK(refused_field("{}") == "status");
  CHECK(refused_field(R"({"status":200})") == "status");
  CHECK(refused_field(R"({"status":"503"})") == "status");
  CHECK(refused_field(R"({"status":503,"counts":1})") == "counts");
  CHECK(refused_field(R"({"status":503,"match":{"op":"x"}})") == "match.op");
  CHECK(refused_field(R"({"status":503,"match":7})") == "match");
  CHECK(refused_field(R"({"status":503,"cutAfterFrames":1})") == "cutAfterFrames");
  CHECK(refused_field(R"({"delaySeconds":-1})") == "delaySeconds");
  CHECK(refused_field(R"({"status":503,"count":0})") == "count");
}

TEST_CASE("faults: a match that no call can have is refused by its name") {
  auto const refused = [](char const* match) {
    return refused_field(fmt::format(R"({{"status":503,"match":{}}})", match));
  };
  for (auto const* const match :
       {R"({"path":"/"})", R"({"path":"/v1/runtimes/"})", R"({"path":"/v1/runtimes/r/sta"})",
        R"({"path":"/v1/runtimes/r/start","method":"POST"})", R"({"method":"DELETE"})",
        R"({"operation":"runtimes.start","method":"POST","path":"/v1","runtimeId":"r"})"}) {
    CAPTURE(match);
    CHECK(refused(match) == "");
  }
  CHECK(refused(R"({"operation":"runtimes.boot"})") == "match.operation");
  CHECK(refused(R"({"operation":""})") == "match.operation");
  CHECK(refused(R"({"operation":"_local.info"})") == "match.operation");
  CHECK(refused(R"({"method":"get"})") == "match.method");
  CHECK(refused(R"({"method":"BREW"})") == "match.method");
  CHECK(refused(R"({"operation":"runtimes.start","method":"GET"})") == "match.method");
  for (auto const* const path : {"", "v1/runtimes", "/v2", "/v1/runtimes/*/start", "/v1//runtimes",
                                 "/v1/runtimes/{runtimeId}", "/v1/runtimes/[", "/v1/runtimes?x=1",
                                 "^/v1", "/v1/runs/r/events/e/and/on"}) {
    CAPTURE(path);
    CHECK(refused(fmt::format(R"({{"path":"{}"}})", path).c_str()) == "match.path");
  }
  CHECK(refused(R"({"operation":"spaces.list","runtimeId":"r"})") == "match.runtimeId");
  CHECK(refused_field(R"({"cutAfterFrames":1,"match":{"operation":"runtimes.start"}})") ==
        "match.operation");
}

TEST_CASE("faults: what can be asked for is listed whole") {
  Faults faults;
  auto const unknown = faults.add(Json::parse(R"({"statuss":503})"), routes());
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message.find("endRun") != std::string::npos);
  auto const nothing = faults.add(Json::object(), routes());
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().message.find("endRun") != std::string::npos);
}

TEST_CASE("frame_counter: the end of the n-th frame is found wherever reads split") {
  std::string bytes;
  std::vector<std::size_t> ends;
  for (std::size_t const size :
       {std::size_t{0}, std::size_t{5}, std::size_t{126}, std::size_t{70'000}, std::size_t{1}}) {
    std::string header;
    header += static_cast<char>(0x81);
    if (size < 126) {
      header += static_cast<char>(size);
    } else if (size < 65'536) {
      header += static_cast<char>(126);
      header += static_cast<char>(size >> 8U);
      header += static_cast<char>(size & 0xffU);
    } else {
      header += static_cast<char>(127);
      for (int shift = 56; shift >= 0; shift -= 8)
        header += static_cast<char>((size >> static_cast<unsigned>(shift)) & 0xffU);
    }
    bytes += header + std::string(size, 'x');
    ends.push_back(bytes.size());
  }
  for (std::size_t const step : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, bytes.size()})
    for (std::size_t frames = 1; frames <= ends.size(); ++frames) {
      FrameCounter counter(static_cast<std::int64_t>(frames));
      std::size_t taken = 0;
      for (std::size_t at = 0; at < bytes.size() && !counter.done(); at += step)
        taken += counter.take(std::string_view(bytes).substr(at, step));
      CHECK(counter.done());
      CHECK(taken == ends.at(frames - 1));
    }
}

TEST_CASE("faults: a call fails as was asked for, and only that one") {
  test::with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const set = co_await api.send(
        "POST", "/_local/faults",
        R"({"match":{"operation":"spaces.list"},"status":429,"retryAfterSeconds":7})");
    CHECK(set.status == 201);
    auto const other = co_await api.send("GET", "/v1/runtimes");
    CHECK(other.status == 200);
    auto const failed = co_await api.send("GET", "/v1/spaces");
    CHECK(failed.status == 429);
    CHECK(failed.code() == "rate_limited");
    CHECK(net::find_header(failed.headers, "retry-after") == "7");
    auto const after = co_await api.send("GET", "/v1/spaces");
    CHECK(after.status == 200);
    co_await api.send("POST", "/_local/faults", R"({"status":500,"count":100})");
    auto const listed = co_await api.send("GET", "/_local/faults");
    CHECK(listed.body.at("data").size() == 1);
    co_await api.send("DELETE", "/_local/faults");
    auto const well = co_await api.send("GET", "/v1/spaces");
    CHECK(well.status == 200);
    auto const health = co_await api.send("GET", "/_local/health");
    CHECK(health.body.at("ok") == true);
  });
}

TEST_CASE("faults: a run ends as by a crash") {
  test::with_fake([](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const body = Json{{"endRun", true}, {"match", {{"runtimeId", id}}}}.dump();
    auto const idle = co_await api.send("POST", "/_local/faults", body);
    CHECK(idle.code() == "runtime.not_active");
    auto const started = co_await api.start(id);
    auto const ended = co_await api.send("POST", "/_local/faults", body);
    CHECK(ended.status == 200);
    auto const target = "/v1/runs/" + started.at("runId").get<std::string>();
    auto run = co_await api.get("Run", "GET", target);
    while (run.at("status") == "active") {
      co_await net::sleep_for(10ms);
      run = co_await api.get("Run", "GET", target);
    }
    CHECK(run.at("status") == "failed");
  });
}

TEST_CASE("timestamp: RFC 3339 in its forms") {
  auto const text = [](std::string_view given) {
    auto const when = moment_from(given);
    return when ? rfc3339(*when) : "";
  };
  CHECK(text("2026-07-10T09:30:00Z") == "2026-07-10T09:30:00.000Z");
  CHECK(text("2026-07-10t09:30:00.1259z") == "2026-07-10T09:30:00.125Z");
  CHECK(text("2026-07-10T09:30:00+02:30") == "2026-07-10T07:00:00.000Z");
  CHECK(text("2026-07-10T09:30:00-00:30") == "2026-07-10T10:00:00.000Z");
  for (auto const bad : {"", "2026-07-10", "2026-02-30T00:00:00Z", "2026-07-10T24:00:00Z",
                         "2026-07-10T09:30:00", "2026-07-10T09:30:00.Z", "26-07-10T09:30:00Z",
                         "2026-07-10T09:30:00Zx", "2026-07-10T09:30:00+2:30"}) {
    CAPTURE(bad);
    CHECK(text(bad) == "");
  }
}

}  // namespace bridge::local
