#include "local/event_budget.hpp"

#include <doctest/doctest.h>

using namespace bridge;
using local::EventBudget;
using Why = EventBudget::Why;

TEST_CASE("event budget: a burst passes, then so many a second; the rest is counted") {
  EventBudget budget;
  Clock::time_point const begin{};
  int passed = 0;
  for (int i = 0; i < 100'000; ++i) passed += budget.allow("A.a", 1, begin) ? 1 : 0;
  CHECK(passed == 5000);
  budget.refuse("B.b");
  auto const refused = budget.take_refused();
  CHECK(refused.at(Why::too_fast).at("A.a") == 95'000);
  CHECK(refused.at(Why::too_fast).at("B.b") == 1);
  CHECK(budget.take_refused().empty());
  int later = 0;
  for (int i = 0; i < 10'000; ++i) later += budget.allow("A.a", 1, begin + 2s) ? 1 : 0;
  CHECK(later == 2000);
}

TEST_CASE("event budget: so many bytes a second pass, and none that are too many at once") {
  EventBudget budget;
  Clock::time_point const begin{};
  CHECK_FALSE(budget.allow("A.a", EventBudget::kLargest + 1, begin));
  int passed = 0;
  for (int i = 0; i < 1000; ++i)
    passed += budget.allow("A.a", EventBudget::kLargest, begin) ? 1 : 0;
  CHECK(passed == 128);
  CHECK(budget.allow("A.a", EventBudget::kLargest, begin + 1s));
  auto const refused = budget.take_refused();
  CHECK(refused.at(Why::too_large).at("A.a") == 1);
  CHECK(refused.at(Why::too_fast).at("A.a") == 872);
}

TEST_CASE("event budget: a run has a limit in all, which is told once, and at the end") {
  EventBudget budget;
  std::uint64_t passed = 0;
  Clock::time_point when{};
  for (std::uint64_t i = 0; i < EventBudget::kMost + 5; ++i) {
    when += 1ms;
    passed += budget.allow("A.a", 1, when) ? 1 : 0;
  }
  CHECK(passed == EventBudget::kMost);
  CHECK(budget.take_refused().at(Why::full).at("A.a") == 5);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(budget.allow("A.a", 1, when + 1h));
  CHECK(budget.take_refused().empty());
  CHECK(budget.take_refused(true).at(Why::full).at("A.a") == 3);
}
