#pragma once

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "net/loop.hpp"

namespace bridge {

/// Adds what ends us politely: SIGINT, SIGTERM, SIGHUP. nohup has SIGHUP ignored, and so it stays.
void add_ending_signals(asio::signal_set& signals);

/// What a SIGHUP means: the terminal that we run in has gone, or somebody wants a reload.
class Terminal {
 public:
  Terminal() : had_one_(is_there()) {}
  [[nodiscard]] bool has_gone() const { return had_one_ && !is_there(); }

 private:
  [[nodiscard]] static bool is_there();
  bool had_one_;
};

/// The number of the next signal.
awaitable<int> wait_for_signal(asio::signal_set& signals);

/// Whether the signal `next`, `since` after the signal `first` that began the polite end, asks to
/// end at once. One wish to stop often arrives twice within milliseconds: `timeout` signals its
/// child and then the child's group, `make` passes on what the terminal has sent to both. A second
/// Ctrl-C is a person's, and may come sooner.
[[nodiscard]] constexpr bool ends_at_once(int first, int next, std::chrono::milliseconds since) {
  constexpr std::chrono::milliseconds kEcho(1000);
  constexpr std::chrono::milliseconds kEchoOfKey(300);
  bool const keys = first == SIGINT && next == SIGINT;
  return since >= (keys ? kEchoOfKey : kEcho);
}

/// For a polite end that takes too long: at a second signal says what `warning` yields and ends the
/// process. A SIGHUP is none while `terminal` is there: it wants a reload, and there is none any
/// more. `first` began the polite end; `files` are ours and would stay behind.
awaitable<void> end_at_second_signal(asio::signal_set& signals, Terminal const& terminal, int first,
                                     std::vector<std::string> files,
                                     std::function<std::string()> warning);

}  // namespace bridge
