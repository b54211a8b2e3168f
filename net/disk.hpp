#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>

#include "net/asio.hpp"

namespace bridge::net {

/// Threads of its own for what may take the disk long: an fsync, a copy of a large file.
class Disk {
 public:
  /// With one thread, all work is done in the order of the calls. With several, one caller's work
  /// may run beside another's, and a long copy does not keep the others waiting.
  explicit Disk(std::size_t threads) : pool_(threads) {}
  ~Disk() { pool_.join(); }
  Disk(Disk const&) = delete;
  Disk& operator=(Disk const&) = delete;

  /// What `work()` returns or throws, which runs on that thread. The caller keeps `work`, and all
  /// it uses, until then: cancelling does not cut it short, stop() does where the work looks.
  template <class Work>
  awaitable<std::invoke_result_t<Work&>> run(Work& work) {
    std::optional<std::invoke_result_t<Work&>> result;
    std::exception_ptr failure;
    auto initiate = [this, &work, &result, &failure](auto handler) {
      auto back = asio::make_work_guard(asio::get_associated_executor(handler));
      asio::post(pool_, [&work, &result, &failure, back = std::move(back),
                         handler = std::move(handler)]() mutable {
        // Whatever it is, it belongs to the caller: out of a pool's thread it ends the process.
        try {
          result.emplace(work());
        } catch (...) {
          failure = std::current_exception();
        }
        auto const executor = back.get_executor();
        asio::post(executor, std::move(handler));
      });
    };
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(initiate,
                                                                         asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
  }

  /// Ends what takes long: nobody waits for a copy of gigabytes when we end.
  void stop() { stopping_ = true; }
  /// For work that goes through a file piece by piece: look between two of them, and end with
  /// Errc::cancelled.
  [[nodiscard]] bool is_stopping() const { return stopping_; }

 private:
  std::atomic<bool> stopping_ = false;
  asio::thread_pool pool_;
};

}  // namespace bridge::net
