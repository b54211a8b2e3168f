#include "local/store.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

constexpr auto kAnswersKeptFor = std::chrono::hours(24);
constexpr std::int64_t kAnswersMax = 10'000;

// One step per layout, in order; user_version counts how many are done. Steps are never edited once
// released.
constexpr std::array kMigrations{
    R"sql(
CREATE TABLE spaces (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  environment TEXT,
  is_default INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE runtimes (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  space_id TEXT NOT NULL REFERENCES spaces (id),
  name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'stopped', 'failed')),
  active_run_id TEXT,
  config TEXT NOT NULL,
  metadata TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_activity_at INTEGER
) STRICT;
CREATE TABLE runs (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  runtime_id TEXT NOT NULL REFERENCES runtimes (id) ON DELETE CASCADE,
  space_id TEXT NOT NULL REFERENCES spaces (id),
  status TEXT NOT NULL CHECK (status IN ('active', 'stopped', 'failed')),
  created_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  failure_code TEXT,
  failure_message TEXT
) STRICT;
CREATE INDEX runs_of_runtime ON runs (runtime_id);
CREATE TABLE events (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  name TEXT,
  status TEXT,
  page_id TEXT,
  context_id TEXT,
  data TEXT
) STRICT;
CREATE INDEX events_of_run ON events (run_id, position);
CREATE TABLE answers (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  request TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
)sql"};

std::int64_t millis(Timestamp when) {
  return when.time_since_epoch().count();
}

Timestamp moment(std::int64_t millis) {
  return Timestamp(std::chrono::milliseconds(millis));
}

std::optional<std::int64_t> millis(std::optional<Timestamp> when) {
  if (!when) return std::nullopt;
  return millis(*when);
}

std::optional<Timestamp> moment(std::optional<std::int64_t> millis) {
  if (!millis) return std::nullopt;
  return moment(*millis);
}

// A set as one parameter, for "? IS NULL OR x IN (SELECT value FROM json_each(?))". None:
// everything.
std::optional<std::string> set_text(std::vector<std::string> const& values) {
  if (values.empty()) return std::nullopt;
  return to_text(Json(values));
}

Status stored_status(std::string const& text) {
  auto const status = status_from(text);
  if (!status) throw StoreFailure("unknown status \"" + text + "\" in the database");
  return *status;
}

Space read_space(Statement const& row) {
  Space space;
  space.position = row.number(0);
  space.id = SpaceId{row.text(1)};
  space.name = row.text(2);
  space.environment = row.maybe_text(3);
  space.created_at = moment(row.number(4));
  space.updated_at = moment(row.number(5));
  return space;
}

Runtime read_runtime(Statement const& row) {
  Runtime runtime;
  runtime.position = row.number(0);
  runtime.id = RuntimeId{row.text(1)};
  runtime.space = SpaceId{row.text(2)};
  runtime.name = row.text(3);
  runtime.status = stored_status(row.text(4));
  runtime.active_run = row.maybe_text(5);
  runtime.config = row.text(6);
  runtime.metadata = row.maybe_text(7);
  runtime.created_at = moment(row.number(8));
  runtime.updated_at = moment(row.number(9));
  runtime.last_activity_at = moment(row.maybe_number(10));
  return runtime;
}

Run read_run(Statement const& row) {
  Run run;
  run.position = row.number(0);
  run.id = RunId{row.text(1)};
  run.runtime = RuntimeId{row.text(2)};
  run.space = SpaceId{row.text(3)};
  run.status = stored_status(row.text(4));
  run.created_at = moment(row.number(5));
  run.started_at = moment(row.number(6));
  run.finished_at = moment(row.maybe_number(7));
  if (auto code = row.maybe_text(8)) run.failure = RunFailure{std::move(*code), row.text(9)};
  return run;
}

Event read_event(Statement const& row) {
  Event event;
  event.position = row.number(0);
  event.run = RunId{row.text(1)};
  event.time = moment(row.number(2));
  event.type = row.text(3);
  event.name = row.maybe_text(4);
  event.status = row.maybe_text(5);
  event.page = row.maybe_text(6);
  event.context = row.maybe_text(7);
  event.data = row.maybe_text(8);
  return event;
}

// The statement asks for one row more than the limit: its presence says that the list goes on.
template <class Row>
Slice<Row> read_slice(Statement& statement, std::int64_t limit, Row (*read)(Statement const&)) {
  Slice<Row> slice;
  while (statement.next()) {
    if (std::ssize(slice.rows) == limit) {
      slice.more = true;
      break;
    }
    slice.rows.push_back(read(statement));
  }
  return slice;
}

template <class Row>
std::optional<Row> read_one(Statement& statement, Row (*read)(Statement const&)) {
  if (!statement.next()) return std::nullopt;
  return read(statement);
}

}  // namespace

std::string_view to_text(Status status) {
  switch (status) {
    case Status::active:
      return "active";
    case Status::stopped:
      return "stopped";
    case Status::failed:
      return "failed";
  }
  return "unknown";
}

std::optional<Status> status_from(std::string_view text) {
  for (auto const status : {Status::active, Status::stopped, Status::failed})
    if (to_text(status) == text) return status;
  return std::nullopt;
}

Store::Store(std::unique_ptr<Database> database, std::unique_ptr<StateDir> held)
    : held_(std::move(held)), database_(std::move(database)) {}

Result<std::unique_ptr<Store>> Store::open(std::optional<std::filesystem::path> const& directory) {
  std::unique_ptr<StateDir> held;
  std::string path = ":memory:";
  if (directory) {
    auto state = StateDir::hold(*directory);
    if (!state) return state.error();
    held = std::move(*state);
    path = (held->path() / "local.db").string();
  }
  auto database = Database::open(path);
  if (!database) return database.error();
  std::unique_ptr<Store> store(new Store(std::move(*database), std::move(held)));
  try {
    store->migrate();
    store->ensure_default_space();
    store->end_interrupted_runs();
  } catch (StoreFailure const& failure) {
    return Error{boost::system::errc::make_error_code(boost::system::errc::io_error),
                 fmt::format("use {} ({})", path, failure.what())};
  }
  return store;
}

std::size_t Store::layout() {
  auto version = database_->statement("PRAGMA user_version");
  return version.next() ? static_cast<std::size_t>(version.number(0)) : 0;
}

void Store::migrate() {
  auto const done = layout();
  if (done > kMigrations.size())
    throw StoreFailure("it was written by a newer bctrl-bridge; use that one or another --state");
  for (auto step = done; step < kMigrations.size(); ++step) {
    Transaction whole(*database_);
    database_->execute(kMigrations.at(step));
    database_->execute(fmt::format("PRAGMA user_version = {}", step + 1).c_str());
    whole.commit();
  }
}

void Store::ensure_default_space() {
  auto find = database_->statement("SELECT id FROM spaces WHERE is_default = 1");
  if (find.next()) {
    default_space_ = SpaceId{find.text(0)};
    return;
  }
  Space space;
  space.id = SpaceId{new_uuid()};
  space.name = "Default";
  space.created_at = space.updated_at = now();
  Transaction whole(*database_);
  add(space);
  database_->statement("UPDATE spaces SET is_default = 1 WHERE id = ?").bind(space.id.value).run();
  whole.commit();
  default_space_ = space.id;
}

void Store::end_interrupted_runs() {
  RunFilter active;
  active.statuses = {"active"};
  for (;;) {
    auto const interrupted = runs(active, Range{});
    if (interrupted.rows.empty()) return;
    for (auto run : interrupted.rows) {
      run.status = Status::failed;
      run.finished_at = now();
      run.failure =
          RunFailure{"local.interrupted", "The local backend ended without stopping this run."};
      Event event;
      event.run = run.id;
      event.time = *run.finished_at;
      event.type = "runtime.lifecycle";
      event.status = "failed";
      event.data = to_text(Json{{"reason", "interrupted"}});
      end_run(run, Status::stopped, event);
    }
  }
}

void Store::add(Space const& space) {
  database_
      ->statement(
          "INSERT INTO spaces (id, name, environment, created_at, updated_at) VALUES (?, ?, ?, ?, "
          "?)")
      .bind(space.id.value)
      .bind(space.name)
      .bind(space.environment)
      .bind(millis(space.created_at))
      .bind(millis(space.updated_at))
      .run();
}

std::optional<Space> Store::space(SpaceId const& id) {
  auto statement = database_->statement(
      "SELECT position, id, name, environment, created_at, updated_at FROM spaces WHERE id = ?");
  statement.bind(id.value);
  return read_one(statement, read_space);
}

Slice<Space> Store::spaces(Range range) {
  auto statement = database_->statement(
      "SELECT position, id, name, environment, created_at, updated_at FROM spaces "
      "WHERE position < ifnull(?, 9223372036854775807) ORDER BY position DESC LIMIT ?");
  statement.bind(range.after).bind(range.limit + 1);
  return read_slice(statement, range.limit, read_space);
}

void Store::add(Runtime const& runtime) {
  database_
      ->statement(
          "INSERT INTO runtimes (id, space_id, name, status, active_run_id, config, metadata, "
          "created_at, updated_at, last_activity_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(runtime.id.value)
      .bind(runtime.space.value)
      .bind(runtime.name)
      .bind(to_text(runtime.status))
      .bind(runtime.active_run)
      .bind(runtime.config)
      .bind(runtime.metadata)
      .bind(millis(runtime.created_at))
      .bind(millis(runtime.updated_at))
      .bind(millis(runtime.last_activity_at))
      .run();
}

std::optional<Runtime> Store::runtime(RuntimeId const& id) {
  auto statement = database_->statement(
      "SELECT position, id, space_id, name, status, active_run_id, config, metadata, created_at, "
      "updated_at, last_activity_at FROM runtimes WHERE id = ?");
  statement.bind(id.value);
  return read_one(statement, read_runtime);
}

Slice<Runtime> Store::runtimes(RuntimeFilter const& filter, Range range) {
  auto statement = database_->statement(
      "SELECT position, id, space_id, name, status, active_run_id, config, metadata, created_at, "
      "updated_at, last_activity_at FROM runtimes "
      "WHERE position < ifnull(?1, 9223372036854775807) "
      "AND (?2 IS NULL OR space_id = ?2) "
      "AND (?3 IS NULL OR status IN (SELECT value FROM json_each(?3))) "
      "ORDER BY position DESC LIMIT ?4");
  statement.bind(range.after).bind(filter.space).bind(set_text(filter.statuses));
  statement.bind(range.limit + 1);
  return read_slice(statement, range.limit, read_runtime);
}

void Store::update(Runtime const& runtime) {
  database_->statement("UPDATE runtimes SET name = ?, config = ?, updated_at = ? WHERE id = ?")
      .bind(runtime.name)
      .bind(runtime.config)
      .bind(millis(runtime.updated_at))
      .bind(runtime.id.value)
      .run();
}

void Store::remove(RuntimeId const& id) {
  database_->statement("DELETE FROM runtimes WHERE id = ?").bind(id.value).run();
}

void Store::begin_run(Run const& run, Event const& event) {
  Transaction whole(*database_);
  database_
      ->statement(
          "INSERT INTO runs (id, runtime_id, space_id, status, created_at, started_at) "
          "VALUES (?, ?, ?, ?, ?, ?)")
      .bind(run.id.value)
      .bind(run.runtime.value)
      .bind(run.space.value)
      .bind(to_text(run.status))
      .bind(millis(run.created_at))
      .bind(millis(run.started_at))
      .run();
  database_
      ->statement(
          "UPDATE runtimes SET status = 'active', active_run_id = ?1, updated_at = ?2, "
          "last_activity_at = ?2 WHERE id = ?3")
      .bind(run.id.value)
      .bind(millis(run.started_at))
      .bind(run.runtime.value)
      .run();
  add(event);
  whole.commit();
}

void Store::end_run(Run const& run, Status runtime_status, Event const& event) {
  std::optional<std::string> code;
  std::optional<std::string> message;
  if (run.failure) {
    code = run.failure->code;
    message = run.failure->message;
  }
  Transaction whole(*database_);
  database_
      ->statement(
          "UPDATE runs SET status = ?, finished_at = ?, failure_code = ?, failure_message = ? "
          "WHERE id = ?")
      .bind(to_text(run.status))
      .bind(millis(run.finished_at))
      .bind(code)
      .bind(message)
      .bind(run.id.value)
      .run();
  database_
      ->statement(
          "UPDATE runtimes SET status = ?1, active_run_id = NULL, updated_at = ?2, "
          "last_activity_at = ?2 WHERE id = ?3")
      .bind(to_text(runtime_status))
      .bind(millis(event.time))
      .bind(run.runtime.value)
      .run();
  add(event);
  whole.commit();
}

std::optional<Run> Store::run(RunId const& id) {
  auto statement = database_->statement(
      "SELECT position, id, runtime_id, space_id, status, created_at, started_at, finished_at, "
      "failure_code, failure_message FROM runs WHERE id = ?");
  statement.bind(id.value);
  return read_one(statement, read_run);
}

Slice<Run> Store::runs(RunFilter const& filter, Range range) {
  auto statement = database_->statement(
      "SELECT position, id, runtime_id, space_id, status, created_at, started_at, finished_at, "
      "failure_code, failure_message FROM runs "
      "WHERE position < ifnull(?1, 9223372036854775807) "
      "AND (?2 IS NULL OR space_id = ?2) AND (?3 IS NULL OR runtime_id = ?3) "
      "AND (?4 IS NULL OR status IN (SELECT value FROM json_each(?4))) "
      "ORDER BY position DESC LIMIT ?5");
  statement.bind(range.after).bind(filter.space).bind(filter.runtime);
  statement.bind(set_text(filter.statuses)).bind(range.limit + 1);
  return read_slice(statement, range.limit, read_run);
}

std::int64_t Store::add(Event const& event) {
  database_
      ->statement(
          "INSERT INTO events (run_id, time, type, name, status, page_id, context_id, data) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(event.run.value)
      .bind(millis(event.time))
      .bind(event.type)
      .bind(event.name)
      .bind(event.status)
      .bind(event.page)
      .bind(event.context)
      .bind(event.data)
      .run();
  return database_->last_position();
}

Slice<Event> Store::events(RunId const& run, EventFilter const& filter, Range range) {
  auto statement = database_->statement(
      "SELECT position, run_id, time, type, name, status, page_id, context_id, data FROM events "
      "WHERE run_id = ?1 AND position > ifnull(?2, 0) "
      "AND (?3 IS NULL OR type IN (SELECT value FROM json_each(?3))) "
      "AND (?4 IS NULL OR status IN (SELECT value FROM json_each(?4))) "
      "AND (?5 IS NULL OR page_id = ?5) AND (?6 IS NULL OR context_id = ?6) "
      "ORDER BY position LIMIT ?7");
  statement.bind(run.value).bind(range.after).bind(set_text(filter.types));
  statement.bind(set_text(filter.statuses)).bind(filter.page).bind(filter.context);
  statement.bind(range.limit + 1);
  return read_slice(statement, range.limit, read_event);
}

std::int64_t Store::count_events(RunId const& run) {
  auto statement = database_->statement("SELECT count(*) FROM events WHERE run_id = ?");
  statement.bind(run.value);
  return statement.next() ? statement.number(0) : 0;
}

std::optional<KeptAnswer> Store::kept_answer(std::string_view key, Timestamp when) {
  auto statement = database_->statement(
      "SELECT request, status, body FROM answers WHERE key = ? AND created_at > ?");
  statement.bind(key).bind(millis(when - kAnswersKeptFor));
  if (!statement.next()) return std::nullopt;
  KeptAnswer answer;
  answer.request = statement.text(0);
  answer.status = static_cast<unsigned>(statement.number(1));
  answer.body = statement.text(2);
  return answer;
}

void Store::keep_answer(std::string_view key, KeptAnswer const& answer, Timestamp when) {
  Transaction whole(*database_);
  database_
      ->statement(
          "DELETE FROM answers WHERE created_at <= ?1 OR key = ?2 "
          "OR position <= (SELECT max(position) FROM answers) - ?3")
      .bind(millis(when - kAnswersKeptFor))
      .bind(key)
      .bind(kAnswersMax)
      .run();
  database_
      ->statement(
          "INSERT INTO answers (key, request, status, body, created_at) VALUES (?, ?, ?, ?, ?)")
      .bind(key)
      .bind(answer.request)
      .bind(static_cast<std::int64_t>(answer.status))
      .bind(answer.body)
      .bind(millis(when))
      .run();
  whole.commit();
}

}  // namespace bridge::local
