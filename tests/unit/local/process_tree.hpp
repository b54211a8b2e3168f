#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace bridge::test {

/// True when `pid` has ended (a zombie has) or does so within `limit`.
inline bool gone_within(pid_t pid, std::chrono::milliseconds limit) {
  auto const fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return errno == ESRCH;
  pollfd wanted{fd, POLLIN, 0};
  bool const ended = poll(&wanted, 1, static_cast<int>(limit.count())) == 1;
  close(fd);
  return ended;
}

/// The living processes that have `text` in their command line.
inline std::vector<pid_t> processes_with(std::string const& text) {
  std::vector<pid_t> found;
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    auto const name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline");
    std::string const line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(text) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

/// `root` and everything below it, by parent.
inline std::vector<pid_t> process_tree(pid_t root) {
  std::vector<pid_t> tree{root};
  for (std::size_t at = 0; at < tree.size(); ++at) {
    // The kernel keeps children with the thread that made them.
    std::error_code gone;
    std::filesystem::directory_iterator thread("/proc/" + std::to_string(tree[at]) + "/task", gone);
    for (; !gone && thread != std::filesystem::directory_iterator(); thread.increment(gone)) {
      std::ifstream file(thread->path() / "children");
      for (pid_t child = 0; file >> child;) tree.push_back(child);
    }
  }
  return tree;
}

}  // namespace bridge::test
