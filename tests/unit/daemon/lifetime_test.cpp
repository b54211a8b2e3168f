#include "daemon/lifetime.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace bridge;
using namespace std::chrono_literals;
using Cause = Lifetime::Cause;
using End = Lifetime::End;
using State = Lifetime::State;
using Time = Lifetime::Time;
using Use = Lifetime::Use;

namespace doctest {
template <>
struct StringMaker<std::optional<End>> {
  static String convert(std::optional<End> const& end) {
    if (!end) return "none";
    auto const at = std::to_string(end->at.time_since_epoch().count());
    return (std::string(to_text(end->cause)) + " at " + at).c_str();
  }
};
}  // namespace doctest

namespace {

constexpr Time kStart = Time(1h);
constexpr Use kNobody{};
constexpr Use kClient{.clients = 1};
constexpr Use kCommand{.in_flight = 1};
constexpr Use kWork{.busy = true};

// idle_stop after 60 s, max_run after 600 s.
Lifetime in_state(State state) {
  Lifetime life({.idle_stop = 60s, .max_run = 600s});
  if (state == State::asleep) return life;
  life.await_run();
  if (state == State::starting) return life;
  life.begin(kStart, kStart);
  if (state == State::used) life.use(kClient, kStart);
  if (state == State::due) CHECK(life.look(kStart + 60s).has_value());
  CHECK(life.state() == state);
  return life;
}

}  // namespace

TEST_CASE("lifetime: every event in every state") {
  static constexpr auto kNow = kStart + 61s;
  struct Event {
    std::string name;
    void (*happen)(Lifetime& life);
    State after[5];  ///< asleep, starting, idle, used, due
  };
  Event const events[] = {
      {"await_run",
       [](Lifetime& life) { life.await_run(); },
       {State::starting, State::starting, State::idle, State::used, State::due}},
      {"begin",
       [](Lifetime& life) { life.begin(kNow, kNow); },
       {State::idle, State::idle, State::idle, State::used, State::idle}},
      {"other rules",
       [](Lifetime& life) { life.change({.idle_stop = 1s}); },
       {State::asleep, State::starting, State::idle, State::used, State::due}},
      {"a client",
       [](Lifetime& life) { life.use(kClient, kNow); },
       {State::asleep, State::starting, State::used, State::used, State::due}},
      {"a command in flight",
       [](Lifetime& life) { life.use(kCommand, kNow); },
       {State::asleep, State::starting, State::used, State::used, State::due}},
      {"work",
       [](Lifetime& life) { life.use(kWork, kNow); },
       {State::asleep, State::starting, State::used, State::used, State::due}},
      {"nothing any more",
       [](Lifetime& life) { life.use(kNobody, kNow); },
       {State::asleep, State::starting, State::idle, State::idle, State::due}},
      {"a look before any time",
       [](Lifetime& life) { CHECK_FALSE(life.look(kStart + 59s)); },
       {State::asleep, State::starting, State::idle, State::used, State::due}},
      {"a look after idle_stop",
       [](Lifetime& life) { (void)life.look(kNow); },
       {State::asleep, State::starting, State::due, State::used, State::due}},
      {"a look after max_run",
       [](Lifetime& life) { (void)life.look(kStart + 600s); },
       {State::asleep, State::starting, State::due, State::due, State::due}},
      {"a budget that is used up, and a look",
       [](Lifetime& life) {
         life.budget_ends(kStart);
         (void)life.look(kStart);
       },
       {State::asleep, State::starting, State::due, State::due, State::due}},
      {"a budget that is not, and a look",
       [](Lifetime& life) {
         life.budget_ends(kStart + 50s);
         (void)life.look(kStart + 49s);
       },
       {State::asleep, State::starting, State::idle, State::used, State::due}},
      {"end",
       [](Lifetime& life) { life.end(); },
       {State::asleep, State::asleep, State::asleep, State::asleep, State::asleep}},
  };
  for (auto const& event : events) {
    for (auto const state :
         {State::asleep, State::starting, State::idle, State::used, State::due}) {
      CAPTURE(event.name);
      CAPTURE(to_text(state));
      auto life = in_state(state);
      event.happen(life);
      CHECK(to_text(life.state()) == to_text(event.after[static_cast<int>(state)]));
    }
  }
}

TEST_CASE("lifetime: what comes next, and what ended it") {
  Lifetime life({.idle_stop = 60s, .grace = 10s, .max_run = 600s});
  CHECK(life.next() == std::nullopt);
  life.begin(kStart, kStart - 500s);
  CHECK(life.next() == End{Cause::idle_stop, kStart + 60s});  // nobody has been there to leave
  life.use(kClient, kStart + 1s);
  CHECK(life.next() == End{Cause::max_run, kStart + 100s});
  life.use(kNobody, kStart + 20s);
  CHECK(life.next() == End{Cause::last_client, kStart + 30s});
  life.use(kNobody, kStart + 25s);
  CHECK(life.next() == End{Cause::last_client, kStart + 30s});
  life.budget_ends(kStart + 29s);
  CHECK(life.next() == End{Cause::budget, kStart + 29s});
  life.budget_ends(std::nullopt);
  CHECK(life.look(kStart + 29s) == std::nullopt);
  CHECK(life.look(kStart + 31s) == End{Cause::last_client, kStart + 30s});
  CHECK(life.next() == End{Cause::last_client, kStart + 30s});
  CHECK(life.look(kStart + 32s) == std::nullopt);  // said once
}

TEST_CASE("lifetime: other rules hold for the run that goes on") {
  auto life = in_state(State::idle);
  life.change({.idle_stop = 30s});
  CHECK(life.next() == End{Cause::idle_stop, kStart + 30s});
  life.change({.max_run = 20s});
  CHECK(life.next() == End{Cause::max_run, kStart + 20s});
  life.change({});
  CHECK_FALSE(life.next());
  auto due = in_state(State::due);
  due.change({});
  CHECK(due.next() == End{Cause::idle_stop, kStart + 60s});
}

TEST_CASE("lifetime: without a rule nothing ends") {
  Lifetime life({});
  life.begin(kStart, kStart);
  life.use(kClient, kStart);
  life.use(kNobody, kStart);
  CHECK(life.next() == std::nullopt);
  CHECK(life.look(kStart + 10000h) == std::nullopt);
}

TEST_CASE("lifetime: who waits for the start counts from the start") {
  Lifetime life({.grace = 10s});
  life.use(kClient, kStart);
  life.begin(kStart, kStart);
  CHECK(life.state() == State::used);
  life.use(kNobody, kStart + 1s);
  CHECK(life.next() == End{Cause::last_client, kStart + 11s});
}

TEST_CASE("lifetime: who gives up while the run is starting was its client") {
  Lifetime life({.grace = 10s});
  auto const left_behind = [&life] {
    life.begin(kStart + 5s, kStart + 5s);
    return life.next();
  };
  auto const grace = End{Cause::last_client, kStart + 15s};
  SUBCASE("there before it is asked for") {
    life.use(kClient, kStart);
    life.await_run();
    life.use(kNobody, kStart + 1s);
    CHECK(left_behind() == grace);
  }
  SUBCASE("come while it is asked for") {
    life.await_run();
    life.use(kClient, kStart);
    life.use(kNobody, kStart + 1s);
    CHECK(left_behind() == grace);
  }
  SUBCASE("no client of another start") {
    life.await_run();
    life.use(kClient, kStart);
    life.end();  // the start has failed
    life.use(kNobody, kStart + 1s);
    life.await_run();
    CHECK(left_behind() == std::nullopt);
  }
  SUBCASE("before any start") {
    life.use(kClient, kStart);
    life.use(kNobody, kStart + 1s);
    life.await_run();
    CHECK(left_behind() == std::nullopt);
  }
}

TEST_CASE("lifetime: a run that is taken over may have had clients") {
  Lifetime life({.grace = 10s});
  life.begin(kStart, kStart - 60s);
  life.had_client();
  CHECK(life.next() == End{Cause::last_client, kStart + 10s});
}

TEST_CASE("lifetime: a new run does not know the clients of the one before") {
  Lifetime life({.grace = 10s});
  life.begin(kStart, kStart);
  life.use(kClient, kStart);
  life.use(kNobody, kStart);
  life.end();
  life.begin(kStart + 1s, kStart + 1s);
  CHECK(life.next() == std::nullopt);
}

// Looked at as the daemon does it: at the time it has announced, and at least every second.
TEST_CASE("lifetime: ten thousand random schedules end in time and never under anybody's hands") {
  std::mt19937 random(20240501);
  auto const below = [&](int most) {
    return static_cast<int>(random() % static_cast<unsigned>(most));
  };
  int ended = 0;
  for (int schedule = 0; schedule < 10'000; ++schedule) {
    auto const idle_stop = std::chrono::milliseconds(1000 + below(9000));
    Lifetime life({.idle_stop = idle_stop});
    auto now = kStart;
    life.begin(now, now);
    auto quiet_since = now;
    Use use;
    auto next_look = now;
    for (int step = 0; step < 40 && life.state() != State::due; ++step) {
      auto const happens = now + std::chrono::milliseconds(below(step % 4 == 0 ? 15'000 : 900));
      while (next_look <= happens && life.state() != State::due) {
        now = next_look;
        auto const announced = life.next();
        if (auto const end = life.look(now)) {
          ++ended;
          REQUIRE(use.none());
          REQUIRE(announced == end);
          REQUIRE(end->at == quiet_since + idle_stop);
          REQUIRE(now - end->at < 1s);
          REQUIRE(now >= end->at);
        } else {
          REQUIRE((!use.none() || now < quiet_since + idle_stop));
        }
        next_look = now + 1s;
        if (announced) next_look = std::min(next_look, std::max(announced->at, now + 1ms));
      }
      if (life.state() == State::due) break;
      now = happens;
      bool const was_used = !use.none();
      switch (below(4)) {
        case 0:
          use.clients = static_cast<std::size_t>(below(3));
          break;
        case 1:
          use.in_flight = static_cast<std::size_t>(below(3));
          break;
        case 2:
          use.busy = below(2) == 0;
          break;
        default:
          use = {};
      }
      if (was_used && use.none()) quiet_since = now;
      life.use(use, now);
    }
  }
  CHECK(ended > 9000);
}
