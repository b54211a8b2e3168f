#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "local/chromium.hpp"
#include "local/errors.hpp"
#include "local/lock.hpp"
#include "local/run_feed.hpp"
#include "local/store.hpp"
#include "net/tasks.hpp"

namespace bridge::local {

struct RuntimesOptions {
  ChromiumOptions chromium;
  std::filesystem::path profiles;    ///< kept user data directories, one per runtime
  std::filesystem::path scratch;     ///< the others, one per run; emptied when we begin
  std::filesystem::path downloads;   ///< what browsers downloaded, a directory per run
  std::filesystem::path workspaces;  ///< files of runtimes, a directory each
  /// Fills in what a plan only names, before each start: a saved proxy, unpacked extensions. A
  /// problem refuses the start. None: such things are not applied.
  std::function<std::optional<Problem>(Runtime const&, RuntimePlan&)> resolve;
  /// Asked before each start, with the spaces of the runtimes that are starting already. A problem
  /// refuses it. None: every start is welcome.
  std::function<std::optional<Problem>(Runtime const&, std::vector<SpaceId> const&)> may_start;
  Lock::Rule controllers = Lock::Rule::exclusive;
};

/// Starts and ends the Chromium of each runtime and writes down what happens to its runs. One life
/// of a runtime is one run: one Chromium, one secret connectUrl, one lock.
class Runtimes {
 public:
  Runtimes(net::Loop& loop, Store& store, RunFeed& feed, RuntimesOptions options);
  ~Runtimes();

  /// "ws://127.0.0.1:PORT", in front of every connectUrl. Call before the first start.
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  struct Started {
    RunId run;
    Secret connect_url;
    bool started = false;  ///< this very call did it
  };
  /// Waits until the browser is usable. Calls for one runtime share one start; on an active one
  /// they return its run.
  awaitable<Outcome<Started>> start(RuntimeId id);

  struct Stopped {
    RunId run;
    bool stopped = false;
  };
  /// Waits until the browser is gone. 409 runtime.not_active when there is none.
  awaitable<Outcome<Stopped>> stop(RuntimeId id);

  /// Removes it, its runs, its profile and its files that nobody has collected. 409
  /// runtime.not_stopped while it is active.
  [[nodiscard]] Outcome<void> remove(RuntimeId const& id);

  /// Kills its browser, as a crash would. False when there is none.
  bool crash(RuntimeId const& id);

  /// Refuses new starts, ends every Chromium, waits. For the end of life.
  awaitable<void> stop_all();

  /// Somebody used this runtime: its idle time begins anew. To look at it, or at its runs, is no
  /// use: who watches would keep for ever what nobody needs.
  void touch(RuntimeId const& id);
  /// Neither active nor on its way there or back.
  [[nodiscard]] bool is_stopped(RuntimeId const& id) const { return find(id) == nullptr; }
  /// A changed config: the idle limit of a running browser follows it.
  void configure(RuntimeId const& id, RuntimePlan const& plan);

  /// Ends when a run has begun, become usable or ended.
  awaitable<void> changed() { return changed_.wait(); }

  /// None while the runtime is not active.
  [[nodiscard]] std::optional<RunId> active_run(RuntimeId const& id) const;
  /// Empty while the runtime is not active.
  [[nodiscard]] Secret connect_url(RuntimeId const& id) const;
  [[nodiscard]] std::optional<Timestamp> last_activity(RuntimeId const& id) const;

  /// What a controller that was let in needs to know.
  struct Admitted {
    Lock::Lease lease{};
    RuntimeId runtime;
    net::Url devtools;
  };
  /// Takes the lock of an active run for `kind`. Lock::Busy when somebody else has it; none when
  /// there is no such run or `secret` is not its own (the same answer: the address tells nothing
  /// about runs).
  [[nodiscard]] std::variant<std::monostate, Admitted, Lock::Busy> admit(RunId const& run,
                                                                         std::string_view secret,
                                                                         Controller kind);
  /// The same for one of our own, who needs no secret.
  [[nodiscard]] std::variant<std::monostate, Admitted, Lock::Busy> admit(RunId const& run,
                                                                         Controller kind);
  /// Gives the lock back. Harmless when the run is over or the lease was given back before.
  void release(RunId const& run, Lock::Lease lease);
  /// Counts the CDP connections of a run: +1 when a relay begins, -1 when its last byte is through.
  void count_cdp(RunId const& run, int change);

  /// Asks an active runtime's Chromium on the backend's own connection. 409 runtime.not_active, 503
  /// runtime.host_unavailable when it goes meanwhile or does not answer; Chromium's refusal is a
  /// 400 with its words.
  awaitable<Outcome<Json>> ask_browser(RuntimeId id, std::string method, Json params);
  /// Where the Chromium of an active run listens, for a CdpConnection of one's own.
  [[nodiscard]] std::optional<net::Url> devtools(RunId const& run) const;

  /// The page that is in front among `open` (target ids): the one that was activated last, else the
  /// newest. Empty when none is open.
  [[nodiscard]] std::string active_target(RuntimeId const& id,
                                          std::vector<std::string> const& open) const;
  void set_active_target(RuntimeId const& id, std::string target);

  struct Snapshot {
    RuntimeId runtime;
    RunId run;
    pid_t pid = 0;
    std::size_t cdp_connections = 0;
    std::size_t cdp_connections_total = 0;
    std::size_t starts = 0;  ///< start calls for this runtime since the backend began
  };
  /// The active runtimes.
  [[nodiscard]] std::vector<Snapshot> snapshot() const;

 private:
  enum class Phase { starting, active, stopping };
  struct Life;

  awaitable<void> live(RuntimeId id);
  awaitable<Result<void>> launch(Life& life, RuntimePlan& plan);
  awaitable<void> watch(Life& life);
  awaitable<void> idle_for_long(Life& life);
  awaitable<void> cut_off(Life& life);
  awaitable<void> size_window(Life& life, RuntimePlan::Viewport viewport);
  awaitable<void> check_fingerprint(Life& life, RuntimePlan& plan);
  void forget_downloads(RuntimeId const& id);
  void record_start(Life& life, RuntimePlan const& plan);
  void record_end(Life& life);
  [[nodiscard]] std::filesystem::path profile_of(Life const& life, RuntimePlan const& plan) const;
  [[nodiscard]] std::vector<SpaceId> starting() const;
  [[nodiscard]] Problem last_failure(RuntimeId const& id) const;
  [[nodiscard]] Life* find(RuntimeId const& id) const;
  [[nodiscard]] Life* find(RunId const& id) const;

  net::Loop& loop_;
  Store& store_;
  RunFeed& feed_;
  RuntimesOptions options_;
  Log log_{"local"};
  std::string origin_;
  bool closing_ = false;
  std::map<RuntimeId, std::unique_ptr<Life>> lives_;
  std::map<RuntimeId, Problem> failures_;  // why the last start of a runtime came to nothing
  std::map<RuntimeId, std::size_t> starts_;
  net::Broadcast changed_;  // a life began, became usable or ended
  net::Tasks tasks_;
};

}  // namespace bridge::local
