#pragma once

#include <array>
#include <boost/asio/io_context.hpp>

#include "net/asio.hpp"
#include "net/block_queue.hpp"

namespace bridge::net {

/// One thread's worth of I/O: the io_context and the memory its sockets share. Everything built on
/// a Loop runs on the one thread that calls run(); code elsewhere reaches it by post(). Outlives
/// every socket made on it.
class Loop {
 public:
  Loop() : io_(1) {}
  Loop(Loop const&) = delete;
  Loop& operator=(Loop const&) = delete;

  [[nodiscard]] asio::io_context& io() { return io_; }
  [[nodiscard]] asio::any_io_executor executor() { return io_.get_executor(); }
  [[nodiscard]] BlockPool& blocks() { return blocks_; }

  /// Where a plain socket's bytes land. Its content lasts until the coroutine that received it
  /// suspends: thousands of idle sockets then need no buffer of their own.
  [[nodiscard]] std::span<char> scratch() { return scratch_; }

  /// Returns when no work is left: owners end by joining their tasks, so a leak shows as a hang.
  void run() { io_.run(); }

 private:
  // The io_context goes first: coroutines that still wait in it hold blocks.
  BlockPool blocks_;
  std::array<char, 64 * 1024> scratch_{};
  asio::io_context io_;
};

}  // namespace bridge::net
