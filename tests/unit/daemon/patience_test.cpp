#include "daemon/patience.hpp"

#include <doctest/doctest.h>

using namespace bridge;

namespace {

Failure asks_to_wait(std::chrono::milliseconds pause) {
  Failure out("RATE_LIMITED", "start the runtime: 429");
  out.retry_after = pause;
  return out;
}

}  // namespace

TEST_CASE("patience: what the API asks to wait is waited, as long as somebody has the time") {
  auto const now = Clock::now();
  Patience patience(true, 1);
  auto const wait = patience.after(asks_to_wait(2s), now, now + 60s);
  REQUIRE(wait.has_value());
  CHECK(wait->pause == 2s);
  CHECK(wait->why == "the API asks to wait, try 2 comes in 2.0 s");
  CHECK(patience.after(asks_to_wait(2s), now, now + 2001ms).has_value());
  CHECK_FALSE(patience.after(asks_to_wait(2s), now, now + 2s).has_value());
  CHECK(patience.tries() == 3);
}

TEST_CASE("patience: another controller is waited for with growing pauses, or not at all") {
  auto const now = Clock::now();
  Failure const busy("CONTROLLER_BUSY", "an invocation drives it");
  Patience patience(true, 1);
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 4; ++i) {
    auto const wait = patience.after(busy, now, now + 60s);
    REQUIRE(wait.has_value());
    CHECK(wait->pause > last);
    CHECK(wait->pause <= 5s);
    last = wait->pause;
  }
  CHECK_FALSE(patience.after(busy, now, now + 1s).has_value());
  CHECK_FALSE(Patience(false, 1).after(busy, now, now + 60s).has_value());
}

TEST_CASE("patience: what waiting does not cure has failed") {
  auto const now = Clock::now();
  for (auto const* code : {"QUOTA", "AUTH", "START_FAILED", "API_UNREACHABLE"}) {
    Patience patience(true, 1);
    CHECK_FALSE(patience.after(Failure(code, "no"), now, now + 60s).has_value());
  }
}
