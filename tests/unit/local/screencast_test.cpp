#include "local/screencast.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "fake_browser.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::test;
using bridge::local::CdpConnection;
using bridge::local::Screencast;
using nlohmann::json;

namespace {

/// Runs `work(Screencast&)`; what the browser was told, in words: "start", "ack 7".
std::vector<std::string> told(std::function<void(Screencast&)> const& work) {
  net::Loop loop;
  FakeDevtools fake(loop);
  auto const whole = [&]() -> awaitable<void> {
    CdpConnection cdp(loop);
    auto url = fake.url();
    auto const open = co_await cdp.open(std::move(url));
    REQUIRE(open.has_value());
    Screencast cast(cdp, "S1", {50, 640});
    work(cast);
    auto const last = co_await cdp.call("Browser.getVersion");
    REQUIRE(last.has_value());
    co_await cdp.close();
    co_await fake.stop();
  };
  bridge::test::run(loop, whole());
  std::vector<std::string> words;
  for (auto const& command : fake.heard) {
    auto const method = command.at("method").get<std::string>();
    if (method == "Page.startScreencast") words.emplace_back("start");
    if (method == "Page.stopScreencast") words.emplace_back("stop");
    if (method == "Page.screencastFrameAck")
      words.push_back(fmt::format("ack {}", command.at("params").at("sessionId").get<int>()));
    if (method.starts_with("Page.")) CHECK(command.at("sessionId") == "S1");
  }
  return words;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("screencast: every picture is acknowledged, and nothing that is none") {
  json const frame{{"sessionId", 7}};
  auto const words = told([&](Screencast& cast) {
    cast.acknowledge();
    cast.came(frame);
    cast.came(frame);
    CHECK(cast.waiting() == 2);
    cast.acknowledge();
    cast.acknowledge();
    cast.acknowledge();
    CHECK(cast.waiting() == 0);
  });
  CHECK(words == Words{"start", "ack 7", "ack 7"});
}

TEST_CASE("screencast: what Chromium may have thrown away is asked for once all is acknowledged") {
  json const frame{{"sessionId", 1}};
  auto const words = told([&](Screencast& cast) {
    for (int i = 0; i < 3; ++i) cast.came(frame);
    for (int i = 0; i < 3; ++i) cast.acknowledge();
    cast.came(json{{"sessionId", 2}});
    cast.acknowledge();
  });
  CHECK(words == Words{"start", "ack 1", "ack 1", "ack 1", "stop", "start", "ack 2"});
}

TEST_CASE("screencast: a picture that came after the others tells what they would have told") {
  json const frame{{"sessionId", 1}};
  auto const words = told([&](Screencast& cast) {
    for (int i = 0; i < 3; ++i) cast.came(frame);
    cast.acknowledge();
    cast.acknowledge();
    cast.came(frame);
    cast.acknowledge();
    cast.acknowledge();
  });
  CHECK(words == Words{"start", "ack 1", "ack 1", "ack 1", "ack 1"});
}
