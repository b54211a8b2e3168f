#pragma once

#include "local/human_actions.hpp"
#include "local/invocation_work.hpp"
#include "local/invocations.hpp"
#include "local/runtimes.hpp"

namespace bridge::local {

/// Whoever drives a runtime besides CDP.
struct Drivers {
  Drivers(net::Loop& loop, Store& store, Runtimes& runtimes, NoteActivity const& note,
          FindModel find_model)
      : human_actions(loop, store, note),
        invocations(loop, store, runtimes, note, InvocationWork(std::move(find_model))) {}

  void start() { human_actions.start(); }
  awaitable<void> stop() {
    co_await invocations.stop();
    co_await human_actions.stop();
  }

  HumanActions human_actions;
  Invocations invocations;
};

}  // namespace bridge::local
