#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <stdexcept>

#include "net/loop.hpp"

namespace bridge::test {

/// Drives `body` on `loop` to its end and rethrows what it threw. Fails after a minute instead of
/// hanging.
template <class T>
void run(net::Loop& loop, awaitable<T> body) {
  std::exception_ptr failure;
  bool ended = false;
  asio::co_spawn(loop.io(), std::move(body), [&](std::exception_ptr thrown, auto&&...) {
    failure = thrown;
    ended = true;
  });
  loop.io().restart();
  loop.io().run_for(std::chrono::minutes(1));
  if (failure) std::rethrow_exception(failure);
  if (!ended) throw std::runtime_error("the test's coroutine did not end");
}

}  // namespace bridge::test
