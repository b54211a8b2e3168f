#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "api/platform.hpp"
#include "base/log.hpp"
#include "config/config.hpp"
#include "daemon/crash_record.hpp"
#include "daemon/failure.hpp"

namespace bridge {

/// Makes one bridge's runtime exist and run, and stops it. Knows whether the run is ours to stop: a
/// run that somebody else had started is joined, and left running when we go. One call at a time,
/// but for renew_lease(); the bridge sees to that.
class Keeper {
 public:
  Keeper(api::Platform& platform, config::RuntimeRef ref, std::string bridge);

  /// From now on, what it does is in `record` before it is done, and what it creates has the
  /// owner's tag. A runtime with that tag ends by itself when nobody has renewed its lease for
  /// `lease` (0: it does not), unless the configuration gives it an idle time of its own.
  void keep_record(CrashRecord& record, std::chrono::milliseconds lease);
  /// Another lease from the next renewal on, of which one is due if there is a run; and what the
  /// runtime is created with, should it be.
  void adjust(std::string create_config, std::chrono::milliseconds lease);
  /// Takes what a daemon before us, which was killed, has left behind. `lately`: a start that it
  /// has asked for may still be on its way, although the runtime is not active yet.
  void inherit(Holding const& left, bool lately);
  /// A run or a start is left that nobody has looked for yet.
  [[nodiscard]] bool inherits() const { return inherited_run_ || !starting_.empty(); }
  /// Looks for it: the run that still goes on, or none, and then there is nothing left.
  awaitable<FailureOr<std::optional<api::RuntimeStart>>> take_over();

  /// Finds (or creates) the runtime and starts it, or joins its open run. Takes over first.
  awaitable<FailureOr<api::RuntimeStart>> start();
  /// Stops the run, whoever started it. A runtime that is not active counts as stopped.
  awaitable<FailureOr<void>> stop();
  /// We go, and the run goes on: without a lease, and no more a thing of ours.
  awaitable<FailureOr<void>> leave_running();
  /// Where the run that start() began or joined is reached now; none: that run is over. Errors
  /// pass: the platform was not reached.
  awaitable<FailureOr<std::optional<Secret>>> address();
  /// The run is over, says the platform; nothing is left to stop.
  awaitable<bool> run_is_over();

  /// There is a lease to renew now: the run is open, and ours by its tag as far as is known.
  [[nodiscard]] bool has_lease() const { return lease_.count() > 0 && !run_.empty(); }
  /// False when the platform was not reached: to be tried again soon.
  awaitable<bool> renew_lease();

  [[nodiscard]] RuntimeId const& runtime() const { return id_; }
  [[nodiscard]] RunId const& run() const { return run_; }
  /// This daemon, or a killed one before it, started the current run.
  [[nodiscard]] bool started_here() const { return started_here_; }
  /// A start was asked for and not answered: the runtime may run.
  [[nodiscard]] bool start_unsure() const { return !starting_.empty(); }

 private:
  /// Empty when there is none.
  awaitable<FailureOr<RuntimeId>> find();
  awaitable<FailureOr<RuntimeId>> create();
  awaitable<bool> is_tagged(RuntimeId id);
  awaitable<FailureOr<api::RuntimeStart>> start_found();
  awaitable<FailureOr<api::RuntimeStart>> begin();
  void run_ended();
  /// The error says that nothing was done.
  awaitable<FailureOr<void>> note(Happening what);
  [[nodiscard]] Happening happening(Happening::Kind kind) const;

  api::Platform& platform_;
  config::RuntimeRef ref_;
  std::string bridge_;
  Log log_;
  CrashRecord* record_ = nullptr;
  std::chrono::seconds lease_{0};
  enum class Leased { unknown, yes, no } leased_ = Leased::unknown;  // no: another's, or as it was
  RuntimeId id_;
  RunId run_;
  bool started_here_ = false;
  bool inherited_run_ = false;
  bool creating_ = false;  // was asked for and not answered
  std::string starting_;   // the key of such a start
  bool lately_ = false;    // which may be on its way
};

}  // namespace bridge
