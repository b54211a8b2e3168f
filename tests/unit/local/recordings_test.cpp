#include "local/recordings.hpp"

#include <doctest/doctest.h>

#include "backend_fixture.hpp"

using namespace bridge;
using namespace bridge::test;

namespace {

constexpr auto kFrame = R"({"method":"Page.screencastFrame","sessionId":"SP","params":{
    "sessionId":1,"data":"aGVsbG8=","metadata":{}}})";

/// Answers as a browser with one page does, to whoever looks for it.
json page_of(FakeDevtools& fake, json const& command) {
  auto const method = command.at("method").get<std::string>();
  if (method == "Target.setDiscoverTargets")
    fake.say(R"({"method":"Target.targetCreated","params":{"targetInfo":{
        "targetId":"P","type":"page"}}})");
  if (method == "Target.attachToTarget") return json{{"result", {{"sessionId", "SP"}}}};
  return json{{"result", json::object()}};
}

awaitable<std::string> status_of(Api& api, std::string run) {
  auto const reply = co_await api.send("POST", "/v1/runs/" + run + "/recording", "{}");
  co_return reply.body.at("status").get<std::string>();
}

bool starts_screencast(json const& command) {
  return command.at("method") == "Page.startScreencast";
}

}  // namespace

TEST_CASE("recordings: one whose camera was cut off keeps what it has, whatever else begins") {
  Fake fake;
  TemporaryDirectory directory;
  fake.devtools.answer = [&](json const& command) { return page_of(fake.devtools, command); };
  local::BackendOptions options;
  options.state = directory.path();
  options.recording = true;
  fake.run(std::move(options), [&](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const run = started.at("runId").get<std::string>();
    auto& heard = fake.devtools.heard;
    while (std::none_of(heard.begin(), heard.end(), starts_screencast))
      co_await net::sleep_for(2ms);
    auto const file = directory.path() / "recordings" / (run + ".frames");
    while (!std::filesystem::exists(file) || std::filesystem::file_size(file) == 0) {
      fake.devtools.say(kFrame);
      co_await net::sleep_for(5ms);
    }
    auto const size = std::filesystem::file_size(file);
    fake.devtools.cut();
    co_await net::sleep_for(50ms);
    auto const other = co_await api.create();
    co_await api.start(other);
    co_await net::sleep_for(50ms);
    CHECK(std::filesystem::file_size(file) == size);
    co_await api.stop(other);
    co_await api.stop(id);
    auto const status = co_await status_of(api, run);
    CHECK(status == "ready");
  });
}
