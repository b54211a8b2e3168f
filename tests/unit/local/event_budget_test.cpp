#include "local/event_budget.hpp"

#include <doctest/doctest.h>

using namespace bridge;
using local::EventBudget;

TEST_CASE("event budget: a burst passes, then so many a second; the rest is counted") {
  EventBudget budget;
  Clock::time_point const begin{};
  int passed = 0;
  for (int i = 0; i < 100'000; ++i) passed += budget.allow("A.a", begin) ? 1 : 0;
  CHECK(passed == 5000);
  budget.refuse("B.b");
  auto const refused = budget.take_refused();
  CHECK(refused.at("A.a") == 95'000);
  CHECK(refused.at("B.b") == 1);
  CHECK(budget.take_refused().empty());
  int later = 0;
  for (int i = 0; i < 10'000; ++i) later += budget.allow("A.a", begin + 2s) ? 1 : 0;
  CHECK(later == 2000);
}

TEST_CASE("event budget: a run has a limit in all") {
  EventBudget budget;
  std::uint64_t passed = 0;
  Clock::time_point when{};
  for (std::uint64_t i = 0; i < EventBudget::kMost + 5; ++i) {
    when += 1ms;
    passed += budget.allow("A.a", when) ? 1 : 0;
  }
  CHECK(passed == EventBudget::kMost);
}
