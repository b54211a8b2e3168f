#include "local/lock.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;
using bridge::RunId;

namespace {

Timestamp at(std::int64_t ms) {
  return Timestamp(std::chrono::milliseconds(ms));
}

}  // namespace

TEST_CASE("lock: who may drive beside whom, in both modes") {
  for (auto const rule : {Lock::Rule::exclusive, Lock::Rule::concurrent})
    for (auto const holder : {Controller::cdp, Controller::invocation, Controller::human})
      for (auto const newcomer : {Controller::cdp, Controller::invocation, Controller::human}) {
        CAPTURE(to_text(holder));
        CAPTURE(to_text(newcomer));
        Lock lock(RunId{"run"}, rule);
        auto const first = std::get<Lock::Lease>(lock.acquire(holder, at(1)));
        auto const second = lock.acquire(newcomer, at(2));
        auto const* const busy = std::get_if<Lock::Busy>(&second);
        REQUIRE((busy != nullptr) == (rule == Lock::Rule::exclusive));
        if (busy != nullptr) {
          CHECK(busy->holder == holder);
          CHECK(busy->since == at(1));
          CHECK(busy->run == RunId{"run"});
        }
        // Who came first is the holder as long as he stays, then the other one.
        CHECK(lock.holder()->holder == holder);
        CHECK(lock.release(first));
        CHECK(lock.held() == (busy == nullptr));
        if (busy == nullptr) CHECK(lock.holder()->since == at(2));
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
