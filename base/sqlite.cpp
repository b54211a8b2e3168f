#include "base/sqlite.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.hpp"

namespace bridge {

Statement::Statement(sqlite3& database, sqlite3_stmt& prepared)
    : database_(database), prepared_(prepared) {}

Statement::~Statement() {
  sqlite3_reset(&prepared_);
  sqlite3_clear_bindings(&prepared_);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) throw StoreFailure(sqlite3_errmsg(&database_));
}

Statement& Statement::bind(std::string_view text) {
  check(sqlite3_bind_text64(&prepared_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  check(sqlite3_bind_int64(&prepared_, ++bound_, number));
  return *this;
}

Statement& Statement::bind_null() {
  check(sqlite3_bind_null(&prepared_, ++bound_));
  return *this;
}

bool Statement::next() {
  auto const code = sqlite3_step(&prepared_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) check(code);
  return false;
}

std::int64_t Statement::run() {
  while (next()) continue;
  return sqlite3_changes64(&database_);
}

std::string Statement::text(int column) const {
  return maybe_text(column).value_or("");
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(&prepared_, column);
}

std::optional<std::string> Statement::maybe_text(int column) const {
  auto const* const bytes = sqlite3_column_text(&prepared_, column);
  if (bytes == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<char const*>(bytes),
                     static_cast<std::size_t>(sqlite3_column_bytes(&prepared_, column)));
}

std::optional<std::int64_t> Statement::maybe_number(int column) const {
  if (sqlite3_column_type(&prepared_, column) == SQLITE_NULL) return std::nullopt;
  return number(column);
}

void Database::CloseDatabase::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

void Database::Finalize::operator()(sqlite3_stmt* prepared) const {
  sqlite3_finalize(prepared);
}

Database::Database(std::unique_ptr<sqlite3, CloseDatabase> handle) : handle_(std::move(handle)) {}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(std::string const& path) {
  if (path != ":memory:") {
    // SQLite would create it with the umask's mode; its -wal and -shm files take over the mode of
    // this one.
    int const file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
      return Error{boost::system::error_code(errno, boost::system::system_category()),
                   "open " + path};
    ::close(file);
  }
  sqlite3* raw = nullptr;
  int const code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, CloseDatabase> handle(raw);
  if (code != SQLITE_OK)
    return Error{boost::system::errc::make_error_code(boost::system::errc::io_error),
                 fmt::format("open {} ({})", path, sqlite3_errstr(code))};
  std::unique_ptr<Database> database(new Database(std::move(handle)));
  try {
    database->execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  } catch (StoreFailure const& failure) {
    return Error{boost::system::errc::make_error_code(boost::system::errc::io_error),
                 fmt::format("open {} ({})", path, failure.what())};
  }
  return database;
}

Statement Database::statement(char const* sql) {
  auto& kept = prepared_[sql];
  if (!kept) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) !=
        SQLITE_OK)
      throw StoreFailure(sqlite3_errmsg(handle_.get()));
    kept.reset(raw);
  }
  return Statement(*handle_, *kept);
}

void Database::execute(char const* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    throw StoreFailure(sqlite3_errmsg(handle_.get()));
}

std::int64_t Database::last_position() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (StoreFailure const& failure) {
    // A failed commit may have rolled back by itself; either way nothing is half written.
    log::write(LogLevel::debug, fmt::format("rollback: {}", failure.what()));
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace bridge
