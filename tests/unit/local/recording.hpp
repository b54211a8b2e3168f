#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fake_browser.hpp"
#include "local/recorder.hpp"
#include "temporary_directory.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::test {

/// A store with one active run, a fake browser with one page, and a recorder between them.
struct Recording {
  net::Loop loop;
  FakeDevtools fake{loop};
  TemporaryDirectory directory;
  std::unique_ptr<local::Store> store = local::Store::open(std::nullopt).value();
  local::RunFeed feed{loop, *store};
  local::Run run;
  std::unique_ptr<local::Recorder> recorder;

  explicit Recording(local::Traffic traffic = {}) {
    local::Runtime runtime;
    runtime.id = RuntimeId{"rt"};
    runtime.space = store->default_space();
    runtime.config = "{}";
    store->add(runtime);
    run.id = RunId{"run"};
    run.runtime = runtime.id;
    run.space = runtime.space;
    local::Recorder::Options options;
    options.run = run.id;
    options.traffic = std::move(traffic);
    options.downloads = directory.path() / "downloads";
    recorder = std::make_unique<local::Recorder>(loop, feed, std::move(options), Log("test"));
    fake.answer = [this](local::Json const& command) -> local::Json {
      if (command.at("method") == "Target.setAutoAttach" && !command.contains("sessionId"))
        open_page("S1", "P");
      return local::Json{{"result", local::Json::object()}};
    };
  }

  /// As Chromium tells of a new one.
  void open_page(std::string const& session, std::string const& target) {
    fake.say(fmt::format(R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}",)"
                         R"("targetInfo":{{"targetId":"{}","type":"page",)"
                         R"("browserContextId":"C"}}}}}})",
                         session, target));
  }
  /// As it asks what is to become of a document.
  void pause(std::string const& number, std::string const& frame, std::string const& more = "") {
    fake.say(
        fmt::format(R"({{"method":"Fetch.requestPaused","params":{{"requestId":"pause {0}",{2})"
                    R"("frameId":"{1}","resourceType":"Document",)"
                    R"("request":{{"url":"http://a/{0}","method":"GET"}}}}}})",
                    number, frame, more));
  }

  /// Runs `body(Recording&)` between begin() and close().
  template <class Body>
  void play(Body body) {
    auto const whole = [](Recording& on, Body& work) -> awaitable<void> {
      auto url = on.fake.url();
      auto const open = co_await on.recorder->open(std::move(url));
      REQUIRE(open.has_value());
      local::Event started;
      started.run = on.run.id;
      started.type = "runtime.lifecycle";
      on.store->begin_run(on.run, started);
      on.recorder->begin();
      co_await work(on);
      co_await on.recorder->close();
      co_await on.fake.stop();
    };
    bridge::test::run(loop, whole(*this, body));
  }

  /// Waits until everything said so far has been taken in.
  awaitable<void> heard() {
    [[maybe_unused]] auto const answer = co_await recorder->browser().call("Browser.getVersion");
  }

  [[nodiscard]] std::vector<local::Event> events() {
    return store->events(run.id, local::EventFilter(), local::Range{100'000, std::nullopt}).rows;
  }
  [[nodiscard]] std::vector<std::string> methods(std::string const& session) const {
    std::vector<std::string> all;
    for (auto const& command : fake.heard)
      if (command.value("sessionId", "") == session)
        all.push_back(command.at("method").get<std::string>());
    return all;
  }
};

}  // namespace bridge::test
