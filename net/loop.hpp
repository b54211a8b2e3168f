#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <vector>

#include "net/asio.hpp"
#include "net/block_queue.hpp"

namespace bridge::net {

class Loop;

/// Has bytes to send, and is told when: once for all that a turn of the Loop has brought.
class Flushable {
 public:
  Flushable(Flushable const&) = delete;
  Flushable& operator=(Flushable const&) = delete;

 protected:
  /// `early`: nothing is gained by waiting for what else is ready in this turn.
  Flushable(Loop& loop, bool early) : loop_(loop), early_(early) {}
  virtual ~Flushable();
  virtual void flush() = 0;
  void flush_soon();
  void flush_early(bool early) { early_ = early; }

 private:
  friend Loop;
  Loop& loop_;
  bool early_;
  bool waits_ = false;
};

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

  /// Where the bytes of a socket land. Its content lasts until the coroutine that received it
  /// suspends: thousands of idle sockets then need no buffer of their own.
  [[nodiscard]] std::span<char> scratch() { return scratch_; }

  /// While one lives, messages of one receive are being worked on; at its end those who are early
  /// flush what came of them.
  class Batch {
   public:
    explicit Batch(Loop& loop) : loop_(loop) { ++loop_.batches_; }
    ~Batch() { loop_.end_batch(); }
    Batch(Batch const&) = delete;
    Batch& operator=(Batch const&) = delete;

   private:
    Loop& loop_;
  };

  /// Returns when no work is left: owners end by joining their tasks, so a leak shows as a hang.
  void run() { io_.run(); }

 private:
  friend Flushable;
  void end_batch();
  void post_flush();
  void flush(std::vector<Flushable*>& list);

  std::vector<Flushable*> early_;  // null: is gone
  std::vector<Flushable*> late_;
  std::vector<Flushable*> flushing_;
  std::size_t batches_ = 0;
  bool posted_ = false;
  // The io_context goes first: coroutines that still wait in it hold blocks.
  BlockPool blocks_;
  std::array<char, 64 * 1024> scratch_{};
  asio::io_context io_;
};

}  // namespace bridge::net
