#include "daemon/controller.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace bridge;
using State = Controller::State;

namespace {

Clock::time_point const kNow{1000s};

enum class Event { let, release, let_go, take_back, take_back_released, tick_early, tick_late };
constexpr std::array kEvents{
    Event::let,        Event::release,  Event::let_go, Event::take_back, Event::take_back_released,
    Event::tick_early, Event::tick_late};

/// A controller in `state` because of one hold: an invocation's, or a user's for 10 s.
struct Situation {
  Controller controller;
  Controller::Hold hold{};
};

Situation in(State state, bool released) {
  Situation out;
  if (state == State::ours) return out;
  if (released) {
    out.controller.release("a user", kNow + 10s, kNow);
  } else {
    out.hold = out.controller.let("an invocation", kNow);
  }
  if (state == State::theirs) out.controller.let_go();
  return out;
}

void apply(Event event, Situation& to) {
  auto& controller = to.controller;
  switch (event) {
    case Event::let:
      (void)controller.let("another", kNow);
      return;
    case Event::release:
      controller.release("a user", kNow + 20s, kNow);
      return;
    case Event::let_go:
      return controller.let_go();
    case Event::take_back:
      return controller.take_back(to.hold);
    case Event::take_back_released:
      return controller.take_back_released();
    case Event::tick_early:
      CHECK_FALSE(controller.tick(kNow + 9s));
      return;
    case Event::tick_late:
      (void)controller.tick(kNow + 10s);
      return;
  }
}

}  // namespace

TEST_CASE("controller: every state and event") {
  using S = State;
  struct Row {
    State from;
    bool released;
    std::array<State, kEvents.size()> to;  // in the order of kEvents
  };
  std::array const rows{
      Row{S::ours, false, {S::parting, S::parting, S::ours, S::ours, S::ours, S::ours, S::ours}},
      Row{S::parting,
          false,
          {S::parting, S::parting, S::theirs, S::ours, S::parting, S::parting, S::parting}},
      Row{S::parting,
          true,
          {S::parting, S::parting, S::theirs, S::parting, S::ours, S::parting, S::ours}},
      Row{S::theirs,
          false,
          {S::theirs, S::theirs, S::theirs, S::ours, S::theirs, S::theirs, S::theirs}},
      Row{S::theirs,
          true,
          {S::theirs, S::theirs, S::theirs, S::theirs, S::ours, S::theirs, S::ours}},
  };
  for (auto const& row : rows) {
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      CAPTURE(to_text(row.from));
      CAPTURE(row.released);
      CAPTURE(i);
      auto situation = in(row.from, row.released);
      apply(kEvents.at(i), situation);
      CHECK(to_text(situation.controller.state()) == to_text(row.to.at(i)));
      CHECK((situation.controller.holder() == nullptr) == situation.controller.is_ours());
    }
  }
}

TEST_CASE("controller: it is ours again when the last who wanted it does not any more") {
  Controller controller;
  CHECK_FALSE(controller.due());
  auto const one = controller.let("one", kNow);
  controller.let_go();
  auto const two = controller.let("two", kNow + 1s);
  CHECK(controller.state() == State::theirs);
  CHECK(controller.holder()->who == "one");
  controller.rename(one, "invocation 1");
  CHECK(controller.holder()->who == "invocation 1");
  controller.take_back(one);
  controller.take_back(one);
  controller.rename(one, "gone");
  CHECK(controller.state() == State::theirs);
  CHECK(controller.holder()->who == "two");
  CHECK(controller.holder()->since == kNow + 1s);
  controller.take_back(two);
  CHECK(controller.is_ours());
}

TEST_CASE("controller: a user's word replaces the last, and time ends it") {
  Controller controller;
  controller.release("a user", kNow + 60s, kNow);
  controller.let_go();
  auto const other = controller.let("an invocation", kNow);
  CHECK(controller.due() == kNow + 60s);
  controller.release("a user", kNow + 5s, kNow);
  CHECK(controller.due() == kNow + 5s);
  CHECK(controller.tick(kNow + 5s));
  CHECK_FALSE(controller.due());
  CHECK(controller.state() == State::theirs);
  controller.release("a user", std::nullopt, kNow);
  CHECK_FALSE(controller.due());
  controller.take_back(other);
  CHECK(controller.state() == State::theirs);
  CHECK_FALSE(controller.tick(kNow + 24h));
  controller.take_back_released();
  CHECK(controller.is_ours());
}
