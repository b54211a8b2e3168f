#pragma once

#include <memory>
#include <string>

#include "base/log.hpp"
#include "daemon/holdings.hpp"
#include "daemon/journal.hpp"
#include "net/disk.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"

namespace bridge {

/// What a daemon knows after it was killed: what it holds, and the id that marks the runtimes it
/// creates. Two files of the state directory, `journal` and `owner`, of one process at a time.
/// Lives on its loop; what it writes, it writes beside it.
class CrashRecord {
 public:
  /// Errors: another process uses the directory (Errc::refused), a file in it is none of ours
  /// (Errc::bad_message), or the disk refuses. The directory exists.
  [[nodiscard]] static Result<std::unique_ptr<CrashRecord>> open(net::Loop& loop,
                                                                 std::string const& directory);
  CrashRecord(CrashRecord const&) = delete;
  CrashRecord& operator=(CrashRecord const&) = delete;

  /// Returns when it is on the disk, so that what it announces may be done. In the order of calls.
  awaitable<Result<void>> note(Happening what);
  /// The same, for what need not be waited for; a disk that refuses is logged.
  void note_soon(Happening what);
  /// Ends when all is written.
  awaitable<void> finish() { return writing_.join(); }

  /// What was held when it was opened.
  [[nodiscard]] Holdings const& left() const { return left_; }
  /// The last word in it is so recent that what it announces may still be on its way to the
  /// platform.
  [[nodiscard]] bool left_lately() const { return left_lately_; }
  /// What is held now.
  [[nodiscard]] Holdings const& holdings() const { return holdings_; }
  /// A UUID, the same for every daemon that has used this directory.
  [[nodiscard]] std::string const& owner() const { return owner_; }

 private:
  CrashRecord(net::Loop& loop, Journal journal, Holdings left, bool left_lately, std::string owner);
  awaitable<void> write_soon(Happening what);

  Log log_{"journal"};
  Holdings left_;
  bool left_lately_;
  Holdings holdings_;
  std::string owner_;
  Journal journal_;  // used on the disk's thread alone
  std::size_t size_;
  std::size_t compact_at_;
  net::Disk disk_{1};
  net::Tasks writing_;
};

}  // namespace bridge
