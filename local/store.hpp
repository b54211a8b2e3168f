#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "local/rows.hpp"
#include "base/sqlite.hpp"
#include "local/state_dir.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// The three states of the wire, of runtimes and of runs alike.
enum class Status { active, stopped, failed };
[[nodiscard]] std::string_view to_text(Status status);
[[nodiscard]] std::optional<Status> status_from(std::string_view text);

struct Space {
  std::int64_t position = 0;  ///< its place in lists; set by the store
  SpaceId id;
  std::string name;
  std::optional<std::string> environment;  ///< JSON object
  std::optional<std::string> subaccount;   ///< none: the organization's own
  Timestamp created_at;
  Timestamp updated_at;
};

struct Runtime {
  std::int64_t position = 0;
  RuntimeId id;
  SpaceId space;
  std::string name;
  Status status = Status::stopped;
  std::optional<std::string> active_run;
  std::string config;                   ///< JSON object as it was asked for, secrets included
  std::optional<std::string> metadata;  ///< JSON object
  Timestamp created_at;
  Timestamp updated_at;
  std::optional<Timestamp> last_activity_at;
};

struct RunFailure {
  std::string code;
  std::string message;
};

struct Run {
  std::int64_t position = 0;
  RunId id;
  RuntimeId runtime;
  SpaceId space;
  Status status = Status::active;
  Timestamp created_at;
  Timestamp started_at;
  std::optional<Timestamp> finished_at;
  std::optional<RunFailure> failure;
};

struct Event {
  std::int64_t position = 0;
  RunId run;
  Timestamp time;
  std::string type;
  std::optional<std::string> name;
  std::optional<std::string> status;
  std::optional<std::string> page;
  std::optional<std::string> context;
  std::optional<std::string> data;  ///< JSON object; durationSeconds in it is the event's own
};

/// The successful answer that an Idempotency-Key stands for.
struct KeptAnswer {
  std::string request;  ///< digest of what the key was first used for; another is a conflict
  unsigned status = 0;
  std::string body;
};

struct RuntimeFilter {
  std::optional<std::string> subaccount;  ///< whose spaces; none: everybody's
  std::optional<std::string> space;
  std::vector<std::string> statuses;  ///< empty: any
};
struct RunFilter : RuntimeFilter {
  std::optional<std::string> runtime;
};
struct EventFilter {
  std::vector<std::string> types;
  std::vector<std::string> statuses;
  std::optional<std::string> page;
  std::optional<std::string> context;
};

/// What outlives the process: spaces, runtimes, runs, their events, and answers kept for
/// Idempotency-Keys. Every call is on the disk when it returns. Calls throw StoreFailure when the
/// disk fails.
class Store {
 public:
  /// Opens `directory`'s database, or one in memory when there is no directory. Brings an older
  /// layout up to date, creates the default space, and ends what a dead process left active. A
  /// newer layout is an error.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(
      std::optional<std::filesystem::path> const& directory);

  /// For what keeps its tables beside these.
  [[nodiscard]] Database& database() { return *database_; }

  [[nodiscard]] SpaceId const& default_space() const { return default_space_; }

  void add(Space const& space);
  [[nodiscard]] std::optional<Space> space(SpaceId const& id);
  /// Newest first; those of one subaccount, or all.
  [[nodiscard]] Slice<Space> spaces(std::optional<std::string> const& subaccount, Range range);
  /// Name, environment and updated_at.
  void update(Space const& space);
  /// It must have no runtimes.
  void remove(SpaceId const& id);
  [[nodiscard]] std::int64_t count_spaces(std::string_view subaccount);
  /// Runtimes of the subaccount's spaces that are active.
  [[nodiscard]] std::int64_t count_active(std::string_view subaccount);

  void add(Runtime const& runtime);
  [[nodiscard]] std::optional<Runtime> runtime(RuntimeId const& id);
  [[nodiscard]] Slice<Runtime> runtimes(RuntimeFilter const& filter, Range range);  // newest first
  /// Name, config and updated_at.
  void update(Runtime const& runtime);
  /// With its runs and their events.
  void remove(RuntimeId const& id);

  /// The run, its runtime now active with it, and the event, in one step. The event belongs to
  /// `run`.
  void begin_run(Run const& run, Event const& event);
  /// The run's end, its runtime now `runtime_status` without a run, and the event, in one step.
  void end_run(Run const& run, Status runtime_status, Event const& event);
  [[nodiscard]] std::optional<Run> run(RunId const& id);
  [[nodiscard]] Slice<Run> runs(RunFilter const& filter, Range range);  // newest first

  /// Returns its position.
  std::int64_t add(Event const& event);
  /// All of them, in order, in one step.
  void add(std::span<Event const> events);
  [[nodiscard]] Slice<Event> events(RunId const& run, EventFilter const& filter,
                                    Range range);  // oldest first
  [[nodiscard]] std::int64_t count_events(RunId const& run);

  [[nodiscard]] std::optional<KeptAnswer> kept_answer(std::string_view key, Timestamp when);
  void keep_answer(std::string_view key, KeptAnswer const& answer, Timestamp when);

 private:
  Store(std::unique_ptr<Database> database, std::unique_ptr<StateDir> held);
  void ensure_default_space();
  void end_interrupted_runs();

  std::unique_ptr<StateDir> held_;  // none: in memory
  std::unique_ptr<Database> database_;
  SpaceId default_space_;
};

}  // namespace bridge::local
