#include "net/tasks.hpp"

#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::net {
namespace {

awaitable<void> count_after(Signal& signal, int& count) {
  co_await signal.wait();
  ++count;
}
awaitable<void> count_news(Broadcast& broadcast, int& count) {
  co_await broadcast.wait();
  ++count;
}
awaitable<void> for_ever(int& ended) {
  auto const end = scope_exit([&] { ++ended; });
  for (;;) co_await sleep_for(1h);
}
awaitable<void> at_once(int& ran) {
  ++ran;
  co_return;
}
awaitable<void> failing() {
  co_await test::let_others_run(1);
  throw std::runtime_error("canary");
}

awaitable<Result<int>> value_after(Duration time, int value, int& ended) {
  auto const slept = co_await sleep_for(time);
  ++ended;
  if (!slept) co_return Error(Errc::cancelled, "value");
  co_return value;
}

}  // namespace

TEST_CASE("tasks: a signal raised before the wait is not lost, and counts once") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    Signal signal(loop.executor());
    signal.notify();
    signal.notify();
    int count = 0;
    co_await count_after(signal, count);
    CHECK(count == 1);
    Tasks tasks(loop.executor());
    tasks.spawn("waits", count_after(signal, count));
    co_await test::let_others_run();
    CHECK(count == 1);
    signal.notify();
    co_await tasks.join();
    CHECK(count == 2);
  };
  test::run(loop, body());
}

TEST_CASE("tasks: a cancelled wait ends its coroutine") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    Signal signal(loop.executor());
    Broadcast broadcast(loop.executor());
    int count = 0;
    Tasks tasks(loop.executor());
    tasks.spawn("signal", count_after(signal, count));
    tasks.spawn("broadcast", count_news(broadcast, count));
    co_await test::let_others_run();
    tasks.stop();
    co_await tasks.join();
    CHECK(count == 0);
  };
  test::run(loop, body());
}

TEST_CASE("tasks: a broadcast wakes all who wait, and only them") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    Broadcast broadcast(loop.executor());
    broadcast.notify_all();  // nobody is there
    int count = 0;
    Tasks tasks(loop.executor());
    for (int i = 0; i < 3; ++i) tasks.spawn("news", count_news(broadcast, count));
    co_await test::let_others_run();
    CHECK(count == 0);
    broadcast.notify_all();
    co_await tasks.join();
    CHECK(count == 3);
  };
  test::run(loop, body());
}

TEST_CASE("tasks: join waits for every child") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    co_await tasks.join();
    int ran = 0;
    int ended = 0;
    for (int i = 0; i < 5; ++i) tasks.spawn("at once", at_once(ran));
    tasks.spawn("for ever", for_ever(ended));
    CHECK_FALSE(tasks.empty());
    co_await test::let_others_run();
    CHECK(ran == 5);
    CHECK(tasks.size() == 1);
    tasks.stop();
    co_await tasks.join();
    CHECK(ended == 1);
    CHECK(tasks.empty());
  };
  test::run(loop, body());
}

TEST_CASE("tasks: what is spawned after stop is cancelled, even when it ends at once") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.stop();
    int ended = 0;
    int ran = 0;
    for (int i = 0; i < 3; ++i) tasks.spawn("for ever", for_ever(ended));
    for (int i = 0; i < 3; ++i) tasks.spawn("at once", at_once(ran));
    co_await tasks.join();
    CHECK(tasks.empty());
  };
  test::run(loop, body());
}

TEST_CASE("tasks: stop before the loop runs cancels what was spawned") {
  Loop loop;
  int ended = 0;
  Tasks tasks(loop.executor());
  tasks.spawn("for ever", for_ever(ended));
  tasks.stop();
  loop.run();
  CHECK(tasks.empty());
}

TEST_CASE("tasks: children that end while others are being stopped do no harm") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    for (int round = 0; round < 20; ++round) {
      Tasks tasks(loop.executor());
      Signal signal(loop.executor());
      int count = 0;
      int ended = 0;
      tasks.spawn("a", for_ever(ended));
      tasks.spawn("b", count_after(signal, count));
      tasks.spawn("c", for_ever(ended));
      co_await test::let_others_run(3);
      signal.notify();
      tasks.stop();
      tasks.stop();
      co_await tasks.join();
      CHECK(ended == 2);
    }
  };
  test::run(loop, body());
}

TEST_CASE(
    "tasks: an exception that escapes is logged with the child's name, a cancellation is not") {
  Loop loop;
  log::Capture const capture;
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    int ended = 0;
    tasks.spawn("reader of x", failing());
    tasks.spawn("quiet", for_ever(ended));
    co_await test::let_others_run();
    tasks.stop();
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK(capture.lines() == std::vector<std::string>{"task reader of x failed: canary"});
}

TEST_CASE("tasks: within gives the result when it comes in time") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    int ended = 0;
    auto const result = co_await within(1min, value_after(1ms, 7, ended), "think");
    REQUIRE(result.has_value());
    CHECK(*result == 7);
    CHECK(ended == 1);
  };
  test::run(loop, body());
}

TEST_CASE("tasks: within cancels and joins what takes too long, and says what it was") {
  Loop loop;
  auto body = [&]() -> awaitable<void> {
    int ended = 0;
    auto const result = co_await within(5ms, value_after(1h, 7, ended), "think");
    REQUIRE(result.has_error());
    CHECK(result.error().is(Errc::timed_out));
    CHECK(result.error().text() == "think: timed out");
    CHECK(ended == 1);
  };
  test::run(loop, body());
}

TEST_CASE("tasks: an error is passed on at once, not after the limit") {
  Loop loop;
  auto fails = []() -> awaitable<Result<int>> { co_return Error(Errc::refused, "no"); };
  auto body = [&]() -> awaitable<void> {
    auto const began = Clock::now();
    auto const result = co_await within(1h, fails(), "think");
    CHECK(result.error().is(Errc::refused));
    CHECK(Clock::now() - began < 30s);
  };
  test::run(loop, body());
}

TEST_CASE("tasks: a cancelled sleep says so") {
  Loop loop;
  int slept = 0;
  auto sleeper = [](int& out) -> awaitable<void> {
    auto const whole = co_await sleep_for(1h);
    out = whole ? 1 : 2;
  };
  auto body = [&]() -> awaitable<void> {
    auto const whole = co_await sleep_for(1ms);
    CHECK(whole);
    Tasks tasks(loop.executor());
    tasks.spawn("sleeper", sleeper(slept));
    co_await test::let_others_run(2);
    tasks.stop();
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK(slept == 2);
}

TEST_CASE("tasks: a loop may go while coroutines still hold its blocks") {
  auto hold = [](Loop& on) -> awaitable<void> {
    BlockQueue queue(on.blocks());
    queue.append("bytes that were never sent");
    co_await sleep_for(1h);
  };
  Loop loop;
  asio::co_spawn(loop.io(), hold(loop), [](std::exception_ptr) {});
  loop.io().run_for(1ms);
}

}  // namespace bridge::net
