#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "net/loop.hpp"

namespace bridge::test {

/// Runs the loop, one piece of work after the other, until `holds`. Throws after half a minute.
template <class Predicate>
void until(net::Loop& loop, std::string_view what, Predicate holds) {
  auto const deadline = Clock::now() + 30s;
  while (!holds()) {
    loop.io().restart();
    bool const idle = loop.io().run_one_until(deadline) == 0;
    if (idle && !holds()) throw std::runtime_error("never: " + std::string(what));
  }
}

/// Runs the loop until `op` has ended.
template <class T>
T finish(net::Loop& loop, awaitable<T> op) {
  struct Outcome {
    std::exception_ptr failure;
    std::optional<T> value;
  };
  // Shared with the coroutine, which goes on when we give up.
  auto const outcome = std::make_shared<Outcome>();
  asio::co_spawn(loop.io(), std::move(op), [outcome](std::exception_ptr failure, T value) {
    outcome->failure = failure;
    outcome->value = std::move(value);
  });
  until(loop, "the operation ends", [&] { return outcome->value.has_value(); });
  if (outcome->failure) std::rethrow_exception(outcome->failure);
  return std::move(*outcome->value);
}

inline awaitable<bool> then_true(awaitable<void> op) {
  co_await std::move(op);
  co_return true;
}

inline void finish(net::Loop& loop, awaitable<void> op) {
  (void)finish(loop, then_true(std::move(op)));
}

/// Runs what can run without waiting: afterwards whatever has not happened waits for something.
inline void settle(net::Loop& loop) {
  do {
    loop.io().restart();
  } while (loop.io().poll() != 0);
}

}  // namespace bridge::test
