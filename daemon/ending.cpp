#include "daemon/ending.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace bridge {
namespace {

bool is_ignored(int number) {
  struct sigaction now {};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

void add_ending_signals(asio::signal_set& signals) {
  signals.add(SIGINT);
  signals.add(SIGTERM);
  if (!is_ignored(SIGHUP)) signals.add(SIGHUP);
}

bool Terminal::is_there() {
  int const fd = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0 || errno == EMFILE || errno == ENFILE;  // ENXIO: we have none
}

awaitable<int> wait_for_signal(asio::signal_set& signals) {
  auto const [ec, number] = co_await signals.async_wait(no_throw);
  co_return ec ? 0 : number;
}

awaitable<void> end_at_second_signal(asio::signal_set& signals, Terminal const& terminal, int first,
                                     std::vector<std::string> files,
                                     std::function<std::string()> warning) {
  auto const begun = Clock::now();
  for (;;) {
    auto const [ec, number] = co_await signals.async_wait(no_throw);
    if (ec) co_return;
    if (number == SIGHUP && !terminal.has_gone()) continue;
    auto const since = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
    if (!ends_at_once(first, number, since)) continue;
    for (auto const& file : files) ::unlink(file.c_str());
    std::puts(warning().c_str());
    std::fflush(stdout);
    ::_exit(128 + number);
  }
}

}  // namespace bridge
