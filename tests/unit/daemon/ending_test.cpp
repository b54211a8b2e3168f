#include "daemon/ending.hpp"

#include <doctest/doctest.h>

using namespace bridge;
using namespace std::chrono_literals;

TEST_CASE("ending: the echo of one wish to stop is not a second wish") {
  CHECK_FALSE(ends_at_once(SIGTERM, SIGTERM, 0ms));
  CHECK_FALSE(ends_at_once(SIGTERM, SIGTERM, 999ms));
  CHECK_FALSE(ends_at_once(SIGINT, SIGTERM, 500ms));
  CHECK_FALSE(ends_at_once(SIGHUP, SIGTERM, 500ms));
  CHECK_FALSE(ends_at_once(SIGINT, SIGINT, 299ms));
}

TEST_CASE("ending: one that comes later ends at once, a second Ctrl-C sooner than others") {
  CHECK(ends_at_once(SIGTERM, SIGTERM, 1s));
  CHECK(ends_at_once(SIGTERM, SIGINT, 1s));
  CHECK(ends_at_once(SIGINT, SIGINT, 300ms));
}
