#pragma once

#include <optional>
#include <string>

#include "api/platform.hpp"
#include "base/log.hpp"
#include "config/config.hpp"
#include "daemon/failure.hpp"

namespace bridge {

/// Makes one bridge's runtime exist and run, and stops it. Knows whether the run is ours to stop: a
/// run that somebody else had started is joined, and left running when we go. One call at a time;
/// the bridge sees to that.
class Keeper {
 public:
  Keeper(api::Platform& platform, config::RuntimeRef ref, std::string bridge);

  /// Finds (or creates) the runtime and starts it, or joins its open run.
  awaitable<FailureOr<api::RuntimeStart>> start();
  /// Stops the run, whoever started it. A runtime that is not active counts as stopped.
  awaitable<FailureOr<void>> stop();
  /// The run is over, says the platform; nothing is left to stop.
  awaitable<bool> run_is_over();

  [[nodiscard]] RuntimeId const& runtime() const { return id_; }
  [[nodiscard]] RunId const& run() const { return run_; }
  /// This process started the current run.
  [[nodiscard]] bool started_here() const { return started_here_; }
  /// A start was asked for and not answered: the runtime may run.
  [[nodiscard]] bool start_unsure() const { return unsure_; }

 private:
  /// Empty when there is none.
  awaitable<FailureOr<RuntimeId>> find();
  awaitable<FailureOr<RuntimeId>> create();

  api::Platform& platform_;
  config::RuntimeRef ref_;
  std::string bridge_;
  Log log_;
  RuntimeId id_;
  RunId run_;
  bool started_here_ = false;
  bool unsure_ = false;
};

}  // namespace bridge
