#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "recording.hpp"

// A page that is opened at an address asks for it before its session can hear of it.

using namespace bridge;
using namespace bridge::test;
using namespace bridge::local;

namespace {

awaitable<void> until_passed(Recording& on, std::string pause) {
  auto const passed = [&] {
    return std::any_of(on.fake.heard.begin(), on.fake.heard.end(), [&](Json const& command) {
      return command.at("method") == "Fetch.continueRequest" &&
             command.at("params").at("requestId") == pause;
    });
  };
  while (!passed()) co_await net::sleep_for(1ms);
}

std::vector<std::string> requests(Recording& on) {
  std::vector<std::string> urls;
  for (auto const& event : on.events())
    if (event.type == "network.request") {
      CHECK(event.page == "P2");
      urls.push_back(Json::parse(*event.data).at("url").get<std::string>());
    }
  return urls;
}

}  // namespace

TEST_CASE("recorder: the first document of a page waits until its session listens, and is told") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    on.open_page("S2", "P2");
    on.pause("1", "P2");
    co_await until_passed(on, "pause 1");
    auto const heard = on.methods("S2");
    CHECK(heard.front() == "Network.enable");
    CHECK(heard.back() == "Target.getTargetInfo");
    on.fake.say(R"({"method":"Network.responseReceived","sessionId":"S2","params":{"requestId":"L",
        "type":"Document","response":{"url":"http://a/1","status":200}}})");
    on.pause("2", "P2");
    co_await until_passed(on, "pause 2");
    CHECK(on.methods("S2").size() == heard.size());
  });
  CHECK(requests(recording) == std::vector<std::string>{"http://a/1"});
}

TEST_CASE("recorder: a first document that cannot be had is told of all the same") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    on.open_page("S2", "P2");
    on.pause("1", "P2");
    co_await until_passed(on, "pause 1");
    on.fake.say(R"({"method":"Network.loadingFailed","sessionId":"S2","params":{"requestId":"L",
        "type":"Document","errorText":"net::ERR_CONNECTION_REFUSED"}})");
    co_await on.heard();
  });
  CHECK(requests(recording) == std::vector<std::string>{"http://a/1"});
  CHECK(Json::parse(*recording.events().back().data).at("url") == "http://a/1");
}

TEST_CASE("recorder: a document that its page's session has heard of is told once") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    on.open_page("S2", "P2");
    on.fake.say(R"({"method":"Network.requestWillBeSent","sessionId":"S2","params":
        {"requestId":"1","type":"Document","request":{"url":"http://a/1","method":"GET"}}})");
    on.pause("1", "P2", R"("networkId":"1",)");
    co_await until_passed(on, "pause 1");
    on.fake.say(R"({"method":"Network.responseReceived","sessionId":"S2","params":{"requestId":"1",
        "type":"Document","response":{"url":"http://a/1","status":200}}})");
    co_await on.heard();
  });
  CHECK(requests(recording) == std::vector<std::string>{"http://a/1"});
}

TEST_CASE("recorder: a page whose session does not answer is not held for long") {
  Recording recording;
  auto const usual = recording.fake.answer;
  recording.fake.answer = [&](Json const& command) -> Json {
    return command.at("method") == "Target.getTargetInfo" ? Json() : usual(command);
  };
  recording.play([](Recording& on) -> awaitable<void> {
    on.open_page("S2", "P2");
    on.pause("1", "P2");
    auto const begun = Clock::now();
    co_await until_passed(on, "pause 1");
    CHECK(Clock::now() - begun < 5s);
  });
}

TEST_CASE("recorder: it ends while a page is held") {
  Recording recording;
  auto const usual = recording.fake.answer;
  recording.fake.answer = [&](Json const& command) -> Json {
    return command.at("method") == "Target.getTargetInfo" ? Json() : usual(command);
  };
  recording.play([](Recording& on) -> awaitable<void> {
    on.open_page("S2", "P2");
    on.pause("1", "P2");
    while (on.methods("S2").empty() || on.methods("S2").back() != "Target.getTargetInfo")
      co_await net::sleep_for(1ms);
  });
}
