#include "local/recorder.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "recording.hpp"

using namespace bridge;
using namespace bridge::test;
using namespace bridge::local;

namespace {

void log_line(FakeDevtools& fake, int number) {
  fake.say(fmt::format(R"({{"method":"Runtime.consoleAPICalled","params":{{"type":"log","args":[)"
                       R"({{"type":"string","value":"line {}"}}]}},"sessionId":"S1"}})",
                       number));
}

}  // namespace

TEST_CASE("recorder: a page gets its rules and ears before it runs") {
  Traffic traffic;
  traffic.block = {"ads.example"};
  Recording recording(traffic);
  recording.play([](Recording& on) -> awaitable<void> {
    CHECK(on.methods("") == std::vector<std::string>{"Browser.setDownloadBehavior",
                                                     "Target.setDiscoverTargets", "Fetch.enable",
                                                     "Target.setAutoAttach"});
    auto const equipped = on.methods("S1");
    std::vector<std::string> const expected{
        "Network.enable", "Network.setBlockedURLs", "Page.enable",
        "Runtime.enable", "Target.setAutoAttach",   "Runtime.runIfWaitingForDebugger"};
    REQUIRE(equipped.size() >= expected.size());
    CHECK(std::equal(expected.begin(), expected.end(), equipped.begin()));
    REQUIRE(on.recorder->pages().size() == 1);
    CHECK(on.recorder->pages().front().target == "P");
    co_return;
  });
}

TEST_CASE("recorder: lists that Chromium does not understand are an error, not no lists") {
  Traffic traffic;
  traffic.block = {"ads.example"};
  Recording recording(traffic);
  auto const attach = recording.fake.answer;
  recording.fake.answer = [&](Json const& command) -> Json {
    if (command.at("method") != "Network.setBlockedURLs") return attach(command);
    return Json{{"error", {{"code", -32602}, {"message", "Invalid pattern"}}}};
  };
  auto const whole = [](Recording& on) -> awaitable<void> {
    auto url = on.fake.url();
    auto const open = co_await on.recorder->open(std::move(url));
    REQUIRE_FALSE(open.has_value());
    CHECK(open.error().text().find("Invalid pattern") != std::string::npos);
    co_await on.recorder->close();
    co_await on.fake.stop();
  };
  bridge::test::run(recording.loop, whole(recording));
}

TEST_CASE("recorder: without rules documents pass, and nothing else is intercepted") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    for (auto const& method : on.methods("S1")) CHECK_FALSE(method.starts_with("Fetch."));
    for (auto const& command : on.fake.heard) {
      if (command.at("method") != "Fetch.enable") continue;
      auto const& patterns = command.at("params").at("patterns");
      REQUIRE(patterns.size() == 1);
      CHECK(patterns.at(0).at("resourceType") == "Document");
    }
    on.pause("1", "a frame of it");
    while (on.methods("").back() != "Fetch.continueRequest") co_await net::sleep_for(1ms);
  });
}

TEST_CASE("recorder: documents are judged by the lists, blocked types always fail") {
  Traffic traffic;
  traffic.allow = {"good.example"};
  traffic.resource_types = {"Image"};
  Recording recording(traffic);
  recording.play([](Recording& on) -> awaitable<void> {
    auto const pause = [&](char const* id, char const* url, char const* type) {
      on.fake.say(fmt::format(R"({{"method":"Fetch.requestPaused","params":{{"requestId":"{}",)"
                              R"("request":{{"url":"{}"}},"resourceType":"{}"}}}})",
                              id, url, type));
    };
    pause("1", "http://good.example/", "Document");
    pause("2", "http://bad.example/", "Document");
    pause("3", "http://good.example/i.png", "Image");
    co_await on.heard();
    std::vector<std::string> verdicts;
    for (auto const& command : on.fake.heard)
      if (command.at("method").get<std::string>().starts_with("Fetch.") &&
          command.at("params").contains("requestId"))
        verdicts.push_back(command.at("params").at("requestId").get<std::string>() + " " +
                           command.at("method").get<std::string>());
    CHECK(verdicts == std::vector<std::string>{"1 Fetch.continueRequest", "2 Fetch.failRequest",
                                               "3 Fetch.failRequest"});
  });
}

TEST_CASE("recorder: events are in the store in the order in which they came") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    for (int i = 0; i < 1000; ++i) log_line(on.fake, i);
    co_await on.heard();
  });
  auto const events = recording.events();
  REQUIRE(events.size() == 1001);
  for (std::size_t i = 0; i < 1000; ++i) {
    CHECK(events[i + 1].page == "P");
    CHECK(Json::parse(*events[i + 1].data).at("text") == fmt::format("line {}", i));
  }
  CHECK(recording.store->count_events(recording.run.id) == 1001);
}

TEST_CASE("recorder: of a flood it keeps a part, and says how much it left out") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    for (int i = 0; i < 20'000; ++i) log_line(on.fake, i);
    on.fake.say(R"({"method":"Page.frameNavigated","sessionId":"S1",
        "params":{"frame":{"id":"P","url":"http://a/"}}})");
    co_await on.heard();
  });
  std::uint64_t lines = 0;
  std::uint64_t dropped = 0;
  bool navigated = false;
  for (auto const& event : recording.events()) {
    if (event.type == "console.message") ++lines;
    if (event.type == "navigation") navigated = true;
    if (event.name == "events.dropped")
      dropped += Json::parse(*event.data).at("dropped").get<std::uint64_t>();
  }
  CHECK(lines + dropped == 20'000);
  CHECK(dropped > 0);
  CHECK(navigated);
}

TEST_CASE("recorder: what is too large to be worth reading is counted, with the reason") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    on.fake.say(R"({"method":"Runtime.consoleAPICalled","params":{"type":"log","args":[)"
                R"({"type":"string","value":")" +
                std::string(300'000, 'x') + R"("}]},"sessionId":"S1"})");
    log_line(on.fake, 1);
    co_await on.heard();
  });
  int lines = 0;
  for (auto const& event : recording.events()) {
    if (event.type == "console.message") ++lines;
    if (event.name != "events.dropped") continue;
    auto const data = Json::parse(*event.data);
    CHECK(data.at("reason") == "event_too_large");
    CHECK(data.at("dropped") == 1);
  }
  CHECK(lines == 1);
  CHECK(recording.events().size() == 3);
}

TEST_CASE("recorder: a page that navigates in a loop does not fill the disk") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    for (int i = 0; i < 20'000; ++i)
      on.fake.say(R"({"method":"Page.frameNavigated","sessionId":"S1",
          "params":{"frame":{"id":"P","url":"http://a/"}}})");
    co_await on.heard();
  });
  CHECK(recording.events().size() < 10'000);
}

namespace {

awaitable<std::optional<std::string>> known_as(std::string id) {
  co_return id;
}

}  // namespace

TEST_CASE("recorder: a download is kept, wherever the controller wanted it") {
  Recording recording;
  Download seen;
  recording.feed.on_download = [&seen](Download download) {
    seen = std::move(download);
    return known_as("file_1");
  };
  auto const elsewhere = recording.directory.path() / "elsewhere";
  std::ofstream(elsewhere) << "four";
  recording.play([&](Recording& on) -> awaitable<void> {
    on.fake.say(R"({"method":"Browser.downloadWillBegin","params":{"guid":"g",
        "url":"http://a/f","suggestedFilename":"../f.bin"}})");
    Json const done{{"guid", "g"},
                    {"state", "completed"},
                    {"receivedBytes", 4},
                    {"filePath", elsewhere.string()}};
    on.fake.say_json(Json{{"method", "Browser.downloadProgress"}, {"params", done}});
    co_await on.heard();
  });
  CHECK(seen.name == "../f.bin");
  CHECK(seen.path == recording.directory.path() / "downloads" / "g");
  CHECK(seen.bytes == 4);
  CHECK(std::filesystem::file_size(seen.path) == 4);
  auto const events = recording.events();
  REQUIRE(events.size() == 3);
  auto const data = Json::parse(*events.back().data);
  CHECK(data.at("fileId") == "file_1");
  CHECK(data.at("bytes") == 4);
  CHECK_FALSE(data.contains("path"));
}

namespace {

void finish_download(FakeDevtools& fake, std::string const& guid, std::filesystem::path const& at) {
  Json const begun{{"guid", guid}, {"url", "http://a/f"}, {"suggestedFilename", "f.bin"}};
  fake.say_json(Json{{"method", "Browser.downloadWillBegin"}, {"params", begun}});
  Json const done{{"guid", guid}, {"state", "completed"}, {"filePath", at.string()}};
  fake.say_json(Json{{"method", "Browser.downloadProgress"}, {"params", done}});
}

awaitable<std::optional<std::string>> known_later(net::Signal& now) {
  co_await now.wait();
  co_return "file_1";
}

bool any_is(std::vector<Event> const& events, std::string_view type, std::string_view status) {
  return std::any_of(events.begin(), events.end(), [&](Event const& event) {
    return event.type == type && (status.empty() || event.status == status);
  });
}

}  // namespace

TEST_CASE("recorder: while a download is taken in, the rest is written down") {
  Recording recording;
  net::Signal taken(recording.loop.executor());
  recording.feed.on_download = [&](Download) { return known_later(taken); };
  recording.play([&](Recording& on) -> awaitable<void> {
    auto const at = on.directory.path() / "downloads" / "g";
    std::ofstream(at) << "four";
    finish_download(on.fake, "g", at);
    log_line(on.fake, 1);
    while (!any_is(on.events(), "console.message", "")) co_await net::sleep_for(2ms);
    CHECK_FALSE(any_is(on.events(), "download", "finished"));
    taken.notify();
    while (!any_is(on.events(), "download", "finished")) co_await net::sleep_for(2ms);
    CHECK(std::filesystem::exists(at));
    on.recorder->clear_downloads();
    CHECK_FALSE(std::filesystem::exists(on.directory.path() / "downloads"));
  });
  CHECK(Json::parse(*recording.events().back().data).at("fileId") == "file_1");
}

TEST_CASE("recorder: what nobody has taken in stays") {
  Recording recording;
  auto const at = recording.directory.path() / "downloads" / "g";
  recording.play([&](Recording& on) -> awaitable<void> {
    std::ofstream(at) << "four";
    finish_download(on.fake, "g", at);
    co_await on.heard();
  });
  recording.recorder->clear_downloads();
  CHECK(std::filesystem::exists(at));
}

TEST_CASE("recorder: a download on another disk is kept, even when its owner removes it at once") {
  // Most machines have one in memory.
  std::filesystem::path const elsewhere = "/dev/shm";
  if (!std::filesystem::is_directory(elsewhere)) return;
  Recording recording;
  recording.feed.on_download = [](Download) { return known_as("file_1"); };
  auto const at = elsewhere / fmt::format("bctrl-bridge-{}", ::getpid());
  std::ofstream(at) << std::string(3 << 20, 'x');
  recording.play([&](Recording& on) -> awaitable<void> {
    finish_download(on.fake, "g", at);
    co_await on.heard();
    std::filesystem::remove(at);
  });
  CHECK(std::filesystem::file_size(recording.directory.path() / "downloads" / "g") == 3 << 20);
  CHECK(Json::parse(*recording.events().back().data).at("bytes") == 3 << 20);
}

namespace {

/// How long the first line after a pause takes to be in the store.
awaitable<Duration> time_to_store(Recording& on) {
  auto const before = on.events().size();
  auto const begun = Clock::now();
  log_line(on.fake, 1);
  while (on.events().size() == before) co_await net::sleep_for(1ms);
  co_return Clock::now() - begun;
}

}  // namespace

TEST_CASE("recorder: a run that nobody watches is written down in larger batches") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    auto const alone = co_await time_to_store(on);
    CHECK(alone >= 200ms);
    auto const watching = on.feed.watch(on.run.id);
    auto const watched = co_await time_to_store(on);
    CHECK(watched < 200ms);
  });
}

TEST_CASE("recorder: who begins to watch does not wait for the batch") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    log_line(on.fake, 1);
    co_await on.heard();
    auto const begun = Clock::now();
    auto const watching = on.feed.watch(on.run.id);
    while (!any_is(on.events(), "console.message", "")) co_await net::sleep_for(1ms);
    CHECK(Clock::now() - begun < 200ms);
  });
}

TEST_CASE("recorder: what breaks the protocol is passed over") {
  Recording recording;
  recording.play([](Recording& on) -> awaitable<void> {
    on.fake.say(R"({"method":"Runtime.consoleAPICalled","params":{"args":7},"sessionId":"S1"})");
    on.fake.say(R"({"method":"Network.requestWillBeSent","params":{},"sessionId":"S1"})");
    on.fake.say(R"({"method":"Target.attachedToTarget","params":[]})");
    log_line(on.fake, 1);
    co_await on.heard();
  });
  CHECK(recording.events().back().type == "console.message");
}
