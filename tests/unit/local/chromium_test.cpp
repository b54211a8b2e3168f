// Real Chromium. Without one these tests fail: make deps installs it.
#include "local/chromium.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "backend_fixture.hpp"
#include "process_tree.hpp"

using namespace bridge;
using namespace bridge::test;
using local::BackendOptions;

namespace {

template <class Body>
void with_chromium(net::Loop& loop, BackendOptions options, Body body) {
  with_backend(loop, std::move(options), std::move(body), []() -> awaitable<void> { co_return; });
}

// A browser's processes start one after the other.
std::vector<pid_t> grown_tree(pid_t root, std::chrono::milliseconds limit) {
  auto const deadline = Clock::now() + limit;
  auto tree = process_tree(root);
  while (tree.size() <= 3 && Clock::now() < deadline) {
    std::this_thread::sleep_for(10ms);
    tree = process_tree(root);
  }
  return tree;
}

bool all_gone(std::vector<pid_t> const& pids, std::chrono::milliseconds limit) {
  bool gone = true;
  for (auto const pid : pids) gone = gone_within(pid, limit) && gone;
  return gone;
}

constexpr auto kHello = R"({"id":1,"method":"Browser.getVersion"})";

}  // namespace

TEST_CASE("chromium: start, drive over the connectUrl, stop") {
  net::Loop loop;
  with_chromium(loop, BackendOptions(), [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    CHECK(scene.backend.chromium_version().find('.') != std::string::npos);
    auto const id = co_await api.create(
        R"({"config":{"fingerprint":{"viewport":{"width":801,"height":602}}}})");
    auto const started = co_await api.start(id);
    auto const url = started.at("connectUrl").get<std::string>();

    Controller controller(scene.loop);
    auto const refused = co_await controller.attach(url);
    CHECK_FALSE(refused.has_value());
    auto const hello = co_await controller.ask(kHello);
    auto const version = json::parse(hello).at("result").at("product").get<std::string>();
    CHECK(version == "Chrome/" + scene.backend.chromium_version());
    auto const targets = co_await controller.ask(R"({"id":2,"method":"Target.getTargets"})");
    std::vector<json> pages;
    auto const answer = json::parse(targets);
    for (auto const& one : answer.at("result").at("targetInfos"))
      if (one.at("type") == "page") pages.push_back(one);
    REQUIRE(pages.size() == 1);
    CHECK(pages.front().at("url") == "about:blank");

    Controller second(scene.loop);
    auto const busy = co_await second.attach(url);
    REQUIRE(busy.has_value());
    CHECK(busy->status == 409);

    auto const info = co_await api.only_runtime();
    auto const tree = grown_tree(info.at("pid").get<pid_t>(), 5s);
    CHECK(tree.size() > 3);
    co_await api.stop(id);
    co_await controller.ended();
    CHECK(all_gone(tree, 5s));
    co_await controller.leave();
  });
}

TEST_CASE("chromium: a kept profile keeps a cookie over stop and start") {
  TemporaryDirectory state;
  BackendOptions options;
  options.state = state.path();
  net::Loop loop;
  with_chromium(loop, options, [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create(R"({"config":{"profile":true}})");
    auto const first = co_await api.start(id);
    Controller writer(scene.loop);
    co_await writer.attach(first.at("connectUrl").get<std::string>());
    auto const set = co_await writer.ask(
        R"({"id":1,"method":"Storage.setCookies","params":{"cookies":[{"name":"kept","value":"yes",
            "domain":"example.com","path":"/","expires":4102444800}]}})");
    CHECK(json::parse(set).contains("result"));
    co_await writer.leave();
    co_await api.stop(id);

    auto const second = co_await api.start(id);
    Controller reader(scene.loop);
    co_await reader.attach(second.at("connectUrl").get<std::string>());
    auto const got = co_await reader.ask(R"({"id":2,"method":"Storage.getCookies"})");
    auto const cookies = json::parse(got).at("result").at("cookies");
    REQUIRE(cookies.size() == 1);
    CHECK(cookies.at(0).at("value") == "yes");
    co_await reader.leave();
  });
}

TEST_CASE("chromium: killed from outside, its run fails and nothing of it stays") {
  net::Loop loop;
  with_chromium(loop, BackendOptions(), [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const id = co_await api.create();
    auto const started = co_await api.start(id);
    auto const info = co_await api.only_runtime();
    auto const pid = info.at("pid").get<pid_t>();
    auto const tree = process_tree(pid);
    ::kill(pid, SIGKILL);
    co_await until(api, [](json const& runtimes) { return runtimes.empty(); });
    CHECK(all_gone(tree, 5s));
    auto const again = co_await api.start(id);
    CHECK(again.at("started") == true);
  });
}

TEST_CASE("chromium: kill -9 of the backend's process leaves no process of three browsers") {
  TemporaryDirectory state;
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  pid_t const daemon = fork();
  REQUIRE(daemon >= 0);
  if (daemon == 0) {
    BackendOptions options;
    options.state = state.path();
    net::Loop loop;
    with_chromium(loop, options, [&](Scene& scene) -> awaitable<void> {
      for (int i = 0; i < 3; ++i) {
        auto const id = co_await scene.api.create();
        co_await scene.api.start(id);
      }
      [[maybe_unused]] auto const told = write(ends[1], "x", 1);
      co_await net::sleep_for(50s);
    });
    _exit(0);
  }
  char byte = 0;
  REQUIRE(read(ends[0], &byte, 1) == 1);
  // Crash handlers leave the tree: they are found by the directory in their command line.
  auto processes = process_tree(daemon);
  auto const named = processes_with(state.path().string());
  processes.insert(processes.end(), named.begin(), named.end());
  CHECK(processes.size() > 12);
  REQUIRE(::kill(daemon, SIGKILL) == 0);
  waitpid(daemon, nullptr, 0);
  CHECK(all_gone(processes, 5s));
  CHECK(processes_with(state.path().string()).empty());
  close(ends[0]);
  close(ends[1]);
}
