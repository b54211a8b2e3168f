#include "local/store.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/migrations.hpp"

namespace bridge::local {
namespace {

constexpr auto kAnswersKeptFor = std::chrono::hours(24);
constexpr std::int64_t kAnswersMax = 10'000;

Space read_space(Statement const& row) {
  Space space;
  space.position = row.number(0);
  space.id = SpaceId{row.text(1)};
  space.name = row.text(2);
  space.environment = row.maybe_text(3);
  space.created_at = moment(row.number(4));
  space.updated_at = moment(row.number(5));
  space.subaccount = row.maybe_text(6);
  return space;
}

}  // namespace

std::optional<std::string> set_text(std::vector<std::string> const& values) {
  if (values.empty()) return std::nullopt;
  return to_text(Json(values));
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
    migrate(*store->database_);
    store->ensure_default_space();
    store->end_interrupted_runs();
  } catch (StoreFailure const& failure) {
    return Error{boost::system::errc::make_error_code(boost::system::errc::io_error),
                 fmt::format("use {} ({})", path, failure.what())};
  }
  return store;
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
          "INSERT INTO spaces (id, name, environment, created_at, updated_at, subaccount_id) "
          "VALUES (?, ?, ?, ?, ?, ?)")
      .bind(space.id.value)
      .bind(space.name)
      .bind(space.environment)
      .bind(millis(space.created_at))
      .bind(millis(space.updated_at))
      .bind(space.subaccount)
      .run();
}

std::optional<Space> Store::space(SpaceId const& id) {
  auto statement = database_->statement(
      "SELECT position, id, name, environment, created_at, updated_at, subaccount_id FROM spaces "
      "WHERE id = ?");
  statement.bind(id.value);
  return read_one(statement, read_space);
}

Slice<Space> Store::spaces(std::optional<std::string> const& subaccount, Range range) {
  auto statement = database_->statement(
      "SELECT position, id, name, environment, created_at, updated_at, subaccount_id FROM spaces "
      "WHERE position < ifnull(?1, 9223372036854775807) AND (?2 IS NULL OR subaccount_id = ?2) "
      "ORDER BY position DESC LIMIT ?3");
  statement.bind(range.after).bind(subaccount).bind(range.limit + 1);
  return read_slice(statement, range.limit, read_space);
}

void Store::update(Space const& space) {
  database_->statement("UPDATE spaces SET name = ?, environment = ?, updated_at = ? WHERE id = ?")
      .bind(space.name)
      .bind(space.environment)
      .bind(millis(space.updated_at))
      .bind(space.id.value)
      .run();
}

void Store::remove(SpaceId const& id) {
  database_->statement("DELETE FROM spaces WHERE id = ?").bind(id.value).run();
}

std::int64_t Store::count_spaces(std::string_view subaccount) {
  auto statement = database_->statement("SELECT count(*) FROM spaces WHERE subaccount_id = ?");
  statement.bind(subaccount);
  return statement.next() ? statement.number(0) : 0;
}

std::int64_t Store::count_active(std::string_view subaccount) {
  auto statement = database_->statement(
      "SELECT count(*) FROM runtimes JOIN spaces ON spaces.id = runtimes.space_id "
      "WHERE runtimes.status = 'active' AND spaces.subaccount_id = ?");
  statement.bind(subaccount);
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
