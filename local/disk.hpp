#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <type_traits>

#include "net/asio.hpp"

namespace bridge::local {

/// A thread of its own for what may take the disk long: an fsync, a copy of a large file.
class Disk {
 public:
  Disk() : pool_(1) {}
  ~Disk() { pool_.join(); }
  Disk(Disk const&) = delete;
  Disk& operator=(Disk const&) = delete;

  /// What `work()` returns, which runs on that thread. The caller keeps `work`, and all it uses,
  /// until then: cancelling does not cut it short.
  template <class Work>
  awaitable<std::invoke_result_t<Work&>> run(Work& work) {
    std::optional<std::invoke_result_t<Work&>> result;
    auto initiate = [this, &work, &result](auto handler) {
      auto back = asio::make_work_guard(asio::get_associated_executor(handler));
      asio::post(pool_,
                 [&work, &result, back = std::move(back), handler = std::move(handler)]() mutable {
                   result.emplace(work());
                   auto const executor = back.get_executor();
                   asio::post(executor, std::move(handler));
                 });
    };
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(initiate,
                                                                         asio::use_awaitable);
    co_return std::move(*result);
  }

 private:
  asio::thread_pool pool_;
};

}  // namespace bridge::local
