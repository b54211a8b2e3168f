#include "daemon/window.hpp"

#include <doctest/doctest.h>

#include <deque>

using namespace bridge;
using cdp::Flow;

namespace {

/// A client that always has more to send, and a runtime that takes one command after the other.
/// Both are `way / 2` from each other.
struct Model {
  struct Command {
    Clock::time_point answered;
    std::uint64_t bytes;
  };
  Model(Duration way_there_and_back, Duration for_one)
      : way(way_there_and_back), per_command(for_one) {}
  Duration way;
  Duration per_command;
  std::uint64_t bytes = 200;
  Window window;
  Flow flow;
  Clock::time_point now = Clock::now();
  Clock::time_point runtime_free = now;
  std::deque<Command> on_its_way;

  void run_for(Duration span) {
    auto const end = now + span;
    while (now < end) {
      if (auto room = window.room(flow); room > 0) {
        for (; room >= bytes; room -= bytes) {
          runtime_free = std::max(runtime_free, now + way / 2) + per_command;
          on_its_way.push_back({runtime_free + way / 2, bytes});
          flow.sent += bytes;
        }
        if (window.room(flow) == 0) window.filled(flow, now);
        continue;
      }
      now = on_its_way.front().answered;
      for (; !on_its_way.empty() && on_its_way.front().answered <= now; on_its_way.pop_front())
        flow.answered += on_its_way.front().bytes;
      window.answered(flow, now, way);
    }
  }
  /// How long a command of somebody else would wait at the runtime.
  Duration queue() const { return std::max(Duration(), runtime_free - now - way / 2); }
};

}  // namespace

TEST_CASE("window: what is on its way takes room, and some of it has to be free") {
  Window window;
  CHECK(window.room({}) == Window::kStart);
  CHECK(window.room({1000, 0}) == Window::kStart - 1000);
  CHECK(window.room({101000, 100000}) == Window::kStart - 1000);
  auto const most = Window::kStart / 8 * 7;
  CHECK(window.room({most, 0}) == Window::kStart / 8);
  CHECK(window.room({most + 1, 0}) == 0);
  CHECK(window.room({10 * Window::kStart, 0}) == 0);
}

TEST_CASE("window: the queue at a runtime near by stays short, and the runtime is not idle") {
  Model model{50us, 1us};
  model.run_for(100ms);
  CHECK(model.queue() < 300us);
  auto const before = model.flow.answered;
  model.run_for(100ms);
  CHECK(model.flow.answered - before > 90'000 * 200);
}

TEST_CASE("window: a slow runtime has a few commands at a time") {
  Model model{100us, 100us};
  model.run_for(1s);
  CHECK(model.window.size() == Window::kMin);
  CHECK(model.queue() < 10ms);
}

TEST_CASE("window: a runtime that is far away is kept at work all the same") {
  Model model{50ms, 10us};
  model.run_for(3s);
  auto const before = model.flow.answered;
  model.run_for(1s);
  CHECK(model.flow.answered - before > 80'000 * 200);
  CHECK(model.queue() < 100ms);
}

TEST_CASE("window: commands that wait for another command do not keep it from coming") {
  Window window;
  Flow flow;
  int rounds = 0;
  for (; flow.sent < 1'000'000; ++rounds) {
    auto const room = window.room(flow);
    if (room > 0) {
      flow.sent += room;
    } else {
      window.filled(flow, Clock::now());
      window.stuck(flow);
      CHECK_FALSE(window.measures());
    }
  }
  CHECK(rounds < 40);
  // Their answers, when they come at last, make no more room than there is.
  window.filled(flow, Clock::now());
  window.stuck(flow);
  CHECK(window.room(flow) == window.size());
  flow.answered = flow.sent - 1000;
  CHECK(window.room(flow) == window.size());
  flow.sent += 2000;
  CHECK(window.room(flow) == window.size() - 2000);
  flow.answered = flow.sent;
  CHECK(window.room(flow) == window.size());
}

TEST_CASE("window: a flood behind a moment without answers has no more on its way than before") {
  Model model(50us, 1us);
  model.run_for(20ms);
  model.window.stuck(model.flow);
  model.run_for(20ms);
  CHECK(model.queue() < 300us);
  CHECK(model.flow.sent - model.flow.answered < 2 * Window::kStart);
}

TEST_CASE("window: it stays as it is while the way is not known") {
  Model model(0us, 100us);
  model.run_for(100ms);
  CHECK(model.window.size() == Window::kStart);
}
