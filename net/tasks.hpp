#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <list>
#include <string>
#include <string_view>

#include "net/asio.hpp"

namespace bridge::net {

/// Wakes one waiting coroutine. A notify() without a waiter is kept for the next wait().
class Signal {
 public:
  explicit Signal(asio::any_io_executor ex) : timer_(std::move(ex), Clock::time_point::max()) {}
  void notify();
  /// Ends at the next notify(), or throws when the coroutine is cancelled.
  awaitable<void> wait();

 private:
  asio::steady_timer timer_;
  bool raised_ = false;
};

/// Wakes every waiting coroutine, for "the state changed, look again".
class Broadcast {
 public:
  explicit Broadcast(asio::any_io_executor ex) : timer_(std::move(ex), Clock::time_point::max()) {}
  void notify_all() { timer_.cancel(); }
  awaitable<void> wait();

 private:
  asio::steady_timer timer_;
};

/// Owns child coroutines: names them, cancels them, waits for them, logs an escaped exception.
/// Owners call stop() and await join() before the Tasks goes.
class Tasks {
 public:
  explicit Tasks(asio::any_io_executor ex) : ex_(ex), idle_(ex) {}
  Tasks(Tasks const&) = delete;
  Tasks& operator=(Tasks const&) = delete;

  template <class Coroutine>
  void spawn(std::string name, Coroutine body) {
    auto const task = live_.emplace(live_.end());
    auto ended = [this, task, name = std::move(name)](std::exception_ptr failure) {
      if (failure) report(name, failure);
      live_.erase(task);
      if (live_.empty()) idle_.notify_all();
    };
    asio::co_spawn(ex_, std::move(body),
                   asio::bind_cancellation_slot(task->slot(), std::move(ended)));
    if (stopped_) task->emit(asio::cancellation_type::terminal);
  }

  /// Cancels all, and everything spawned later. Only on the thread that runs the loop, or before it
  /// runs: Asio hands the cancellation over by a dispatch, which must find the child alive.
  void stop();
  /// Ends when no child is left.
  awaitable<void> join();
  [[nodiscard]] bool empty() const { return live_.empty(); }
  [[nodiscard]] std::size_t size() const { return live_.size(); }

 private:
  static void report(std::string const& name, std::exception_ptr const& failure);

  asio::any_io_executor ex_;
  std::list<asio::cancellation_signal> live_;
  Broadcast idle_;
  bool stopped_ = false;
};

/// Sleeps; false when cancelled.
awaitable<bool> sleep_for(Duration time);

/// The result of `op`, or timed_out when `limit` passes first; `op` is cancelled and joined then.
/// Not for a WsStream read: a cancelled read leaves the stream unusable.
template <class T>
awaitable<Result<T>> within(Duration limit, awaitable<Result<T>> op, std::string what) {
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  auto first = co_await (std::move(op) || timer.async_wait(no_throw));
  if (first.index() == 1) co_return Error{Errc::timed_out, std::move(what)};
  co_return std::get<0>(std::move(first));
}

}  // namespace bridge::net
