#include "net/tasks.hpp"

#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.hpp"

namespace bridge::net {

void Signal::notify() {
  raised_ = true;
  timer_.cancel();
}

awaitable<void> Signal::wait() {
  while (!raised_) {
    (void)co_await timer_.async_wait(no_throw);
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none && !raised_)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  raised_ = false;
}

awaitable<void> Broadcast::wait() {
  (void)co_await timer_.async_wait(no_throw);
  auto const state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
}

void Tasks::stop() {
  stopped_ = true;
  // A cancelled child may end, and leave the list, while we walk.
  for (auto it = live_.begin(); it != live_.end();) (it++)->emit(asio::cancellation_type::terminal);
}

awaitable<void> Tasks::join() {
  while (!live_.empty()) co_await idle_.wait();
}

void Tasks::report(std::string const& name, std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (asio::multiple_exceptions const& both) {  // of an `a && b` that was cancelled as a whole
    report(name, both.first_exception());
  } catch (boost::system::system_error const& error) {
    if (error.code() == asio::error::operation_aborted) return;
    log::write(LogLevel::error, fmt::format("task {} failed: {}", name, error.what()));
  } catch (std::exception const& error) {
    log::write(LogLevel::error, fmt::format("task {} failed: {}", name, error.what()));
  }
}

awaitable<bool> sleep_for(Duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  auto const [ec] = co_await timer.async_wait(no_throw);
  co_return !ec;
}

}  // namespace bridge::net
