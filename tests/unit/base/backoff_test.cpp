#include "base/backoff.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace bridge {
namespace {

using namespace std::chrono_literals;
using Ms = std::chrono::milliseconds;

std::vector<Ms> delays(Backoff backoff, int count) {
  std::vector<Ms> out;
  for (int i = 0; i < count; ++i) out.push_back(backoff.next());
  return out;
}

}  // namespace

TEST_CASE("backoff: each delay is the doubled one, shortened by at most a quarter") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Backoff backoff(100ms, 5s, seed);
    for (auto full = 100ms; full < 20s; full *= 2) {
      auto const most = std::min<Ms>(full, 5s);
      auto const delay = backoff.next();
      CHECK(delay <= most);
      CHECK(delay >= most - most / 4);
    }
  }
}

TEST_CASE("backoff: the cap holds for ever") {
  Backoff backoff(1s, 30s, 7);
  for (int i = 0; i < 100'000; ++i) {
    auto const delay = backoff.next();
    CHECK(delay > 0s);
    CHECK(delay <= 30s);
  }
  CHECK(backoff.tries() == 100'000);
}

TEST_CASE("backoff: a reset starts again from the first delay") {
  Backoff backoff(100ms, 60s, 7);
  for (int i = 0; i < 10; ++i) (void)backoff.next();
  backoff.reset();
  CHECK(backoff.tries() == 0);
  CHECK(backoff.next() <= 100ms);
}

TEST_CASE("backoff: the same seed repeats, others spread") {
  CHECK(delays(Backoff(1s, 60s, 42), 20) == delays(Backoff(1s, 60s, 42), 20));
  std::set<Ms> first;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    first.insert(Backoff(10s, 60s, seed * 7919).next());
  CHECK(first.size() > 50);
}

TEST_CASE("backoff: delays too short for a quarter are not shortened") {
  CHECK(delays(Backoff(1ms, 2ms, 3), 4) == std::vector<Ms>{1ms, 2ms, 2ms, 2ms});
  CHECK(Backoff(0ms, 0ms, 3).next() == 0ms);
  CHECK(Backoff(10s, 1s, 3).next() <= 1s);
}

}  // namespace bridge
