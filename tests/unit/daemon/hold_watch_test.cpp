#include "daemon/hold_watch.hpp"

#include <doctest/doctest.h>

using namespace bridge;

namespace {

cdp::Session session(std::uint64_t number, std::uint64_t client) {
  cdp::Session out;
  out.number = number;
  out.client = ClientId{client};
  out.target = "T";
  return out;
}

}  // namespace

TEST_CASE("hold_watch: a hold is asked about, then named, and named for the first time once") {
  cdp::Holds holds;
  HoldWatch watch({4s, 8s});
  auto const start = Clock::now();
  holds.target_waits(session(1, 7));
  auto verdict = watch.look(holds, start);
  CHECK(verdict.to_ping.empty());
  verdict = watch.look(holds, start + 4s);
  REQUIRE(verdict.to_ping.size() == 1);
  CHECK(verdict.to_ping[0] == ClientId{7});
  CHECK(verdict.late.empty());
  CHECK(watch.look(holds, start + 5s).to_ping.empty());
  verdict = watch.look(holds, start + 8s);
  REQUIRE(verdict.late.size() == 1);
  CHECK(verdict.late[0].first_time);
  CHECK(verdict.late[0].what == "the start of target T, for 8 s");
  CHECK(verdict.late[0].asked == start + 4s);
  CHECK_FALSE(watch.look(holds, start + 9s).late[0].first_time);
}

TEST_CASE("hold_watch: what goes on in time is not named, and a new hold begins anew") {
  cdp::Holds holds;
  HoldWatch watch({4s, 8s});
  auto const start = Clock::now();
  auto const one = session(1, 7);
  holds.request_paused(one, "r");
  (void)watch.look(holds, start);
  holds.request_paused(one, "r");  // its next stage
  auto verdict = watch.look(holds, start + 8s);
  CHECK(verdict.late.empty());
  CHECK(watch.look(holds, start + 16s).late[0].what == "a request of target T, for 8 s");
  holds.request_continued(one, "r", 1);
  CHECK(watch.look(holds, start + 17s).late.empty());
}

TEST_CASE("hold_watch: a client is asked again for as long as it holds") {
  cdp::Holds holds;
  HoldWatch watch({4s, 8s});
  auto const start = Clock::now();
  holds.target_waits(session(1, 7));
  std::vector<Clock::duration> asked;
  for (auto now = start; now <= start + 17s; now += 1s) {
    auto const verdict = watch.look(holds, now);
    if (!verdict.to_ping.empty()) asked.push_back(now - start);
    if (now == start + 11s) CHECK(verdict.late.at(0).asked == start + 4s);
    if (now == start + 12s) CHECK(verdict.late.at(0).asked == start + 8s);
  }
  CHECK(asked == std::vector<Clock::duration>{4s, 8s, 12s, 16s});
}

TEST_CASE("hold_watch: who was never asked in time has not failed to answer") {
  cdp::Holds holds;
  HoldWatch watch({4s, 8s});
  auto const start = Clock::now();
  holds.target_waits(session(1, 7));
  (void)watch.look(holds, start);
  auto const verdict = watch.look(holds, start + 20s);  // we were stopped ourselves
  CHECK(verdict.to_ping.size() == 1);
  CHECK(verdict.late.at(0).asked == Clock::time_point::min());
}
