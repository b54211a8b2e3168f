#include "local/lock.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;
using bridge::RunId;

namespace {

Timestamp at(std::int64_t ms) {
  return Timestamp(std::chrono::milliseconds(ms));
}

}  // namespace

TEST_CASE("lock: the first to ask gets it, everybody else hears who has it") {
  for (auto const holder : {Controller::cdp, Controller::invocation, Controller::human})
    for (auto const newcomer : {Controller::cdp, Controller::invocation, Controller::human}) {
      Lock lock(RunId{"run"});
      REQUIRE(std::holds_alternative<Lock::Lease>(lock.acquire(holder, at(1))));
      auto const refused = lock.acquire(newcomer, at(2));
      auto const& busy = std::get<Lock::Busy>(refused);
      CHECK(busy.holder == holder);
      CHECK(busy.since == at(1));
      CHECK(busy.run == RunId{"run"});
    }
}

TEST_CASE("lock: released, it is free at once") {
  Lock lock(RunId{"run"});
  auto const lease = std::get<Lock::Lease>(lock.acquire(Controller::cdp, at(1)));
  CHECK(lock.release(lease));
  CHECK_FALSE(lock.held());
  CHECK(std::holds_alternative<Lock::Lease>(lock.acquire(Controller::human, at(2))));
}

TEST_CASE("lock: a late release does not end the next hold") {
  Lock lock(RunId{"run"});
  auto const first = std::get<Lock::Lease>(lock.acquire(Controller::cdp, at(1)));
  lock.release(first);
  CHECK(std::holds_alternative<Lock::Lease>(lock.acquire(Controller::cdp, at(2))));
  CHECK_FALSE(lock.release(first));
  CHECK(lock.holder()->since == at(2));
}
