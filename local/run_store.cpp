#include "local/store.hpp"

namespace bridge::local {
namespace {

Status stored_status(std::string const& text) {
  auto const status = status_from(text);
  if (!status) throw StoreFailure("unknown status \"" + text + "\" in the database");
  return *status;
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
      "AND (?4 IS NULL OR space_id IN (SELECT id FROM spaces WHERE subaccount_id = ?4)) "
      "ORDER BY position DESC LIMIT ?5");
  statement.bind(range.after).bind(filter.space).bind(set_text(filter.statuses));
  statement.bind(filter.subaccount).bind(range.limit + 1);
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
  Transaction whole(*database_);
  database_
      ->statement(
          "DELETE FROM documents WHERE kind = 'invocation' AND scope IN "
          "(SELECT id FROM runs WHERE runtime_id = ?)")
      .bind(id.value)
      .run();
  database_->statement("DELETE FROM documents WHERE kind = 'human_action' AND scope = ?")
      .bind(id.value)
      .run();
  database_->statement("DELETE FROM runtimes WHERE id = ?").bind(id.value).run();
  whole.commit();
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
      "AND (?5 IS NULL OR space_id IN (SELECT id FROM spaces WHERE subaccount_id = ?5)) "
      "ORDER BY position DESC LIMIT ?6");
  statement.bind(range.after).bind(filter.space).bind(filter.runtime);
  statement.bind(set_text(filter.statuses)).bind(filter.subaccount).bind(range.limit + 1);
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

}  // namespace bridge::local
