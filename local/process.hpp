#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace bridge::local {

/// A program in a process group of its own, which does not outlive us.
///
/// Three things see to that: this object's destructor, the kernel (the program gets SIGKILL when
/// the thread that spawned it ends, so spawn on the thread that lives as long as the process), and
/// a small watchdog in the group that waits for a pipe of ours to close and then kills the group:
/// it also reaches a browser started by a wrapper script, and children that hang. A process that
/// leaves the group is beyond it.
class Process {
 public:
  /// Starts `program` (a path) with an environment free of our own secrets and of systemd's
  /// hand-over variables, and with `variables`, "NAME=value" each. stdin is /dev/null; stdout and
  /// stderr come through read_output().
  [[nodiscard]] static Result<std::unique_ptr<Process>> spawn(
      net::Loop& loop, std::string const& program, std::vector<std::string> const& arguments,
      std::vector<std::string> const& variables = {});
  /// Kills the group when the program still runs.
  ~Process();
  Process(Process const&) = delete;
  Process& operator=(Process const&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// The next bytes of its output, at least one; Errc::end_of_stream when everybody who could write
  /// is gone.
  awaitable<Result<std::string>> read_output();

  /// Waits for the program's end; the rest of its group is killed then. Once it has ended, returns
  /// at once.
  awaitable<Result<void>> exited();
  /// After exited(): "exited with status 1", "was killed by signal 11 (Segmentation fault)".
  [[nodiscard]] std::string const& ending() const { return ending_; }

  /// SIGINT to the program alone. Measured with Chromium 156: this way it writes its profile (0.2
  /// s). SIGTERM is taken as the end of the session and loses cookies just set; either sent to the
  /// whole group hangs it for 5 s.
  void interrupt();
  /// SIGKILL to the whole group.
  void kill();

 private:
  Process(net::Loop& loop, pid_t pid, pid_t watchdog, int pidfd, int output, int lifeline);
  void reap();

  pid_t pid_;
  pid_t watchdog_;
  asio::posix::stream_descriptor pidfd_;
  asio::posix::stream_descriptor output_;
  asio::posix::stream_descriptor lifeline_;  // its end is what the watchdog waits for
  bool ended_ = false;
  std::string ending_;
};

}  // namespace bridge::local
