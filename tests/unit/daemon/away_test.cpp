#include "daemon/away.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace bridge;

TEST_CASE("away: a gap between two ticks, on whichever clock, is told once") {
  struct Row {
    std::string name;
    Duration monotonic;
    Duration with_sleep;
    std::optional<Duration> expected;
  };
  Away away(5s);
  Duration monotonic = 1000h;
  Duration with_sleep = 1200h;
  for (auto const& row : std::vector<Row>{
           {"the first tick", 0s, 0s, std::nullopt},
           {"a tick", 1s, 1s, std::nullopt},
           {"held up a little", 5s, 5s, std::nullopt},
           {"stopped for two minutes", 2min, 2min, 2min},
           {"and it goes on", 1s, 1s, std::nullopt},
           {"asleep for a night", 1s, 8h, 8h},
           {"and it goes on again", 1s, 1s, std::nullopt},
           {"a moment beyond", 5001ms, 5001ms, 5001ms},
       }) {
    CAPTURE(row.name);
    monotonic += row.monotonic;
    with_sleep += row.with_sleep;
    CHECK(away.look(monotonic, with_sleep) == row.expected);
  }
}

TEST_CASE("away: the clocks of this machine go on") {
  auto const before = monotonic_time();
  CHECK(before > 0s);
  CHECK(monotonic_time() >= before);
  CHECK(time_with_sleep() + 1s >= before);
}
