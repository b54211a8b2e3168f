#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace bridge {

/// The database could not do what a correct program asked: disk full, file damaged. Thrown, because
/// no caller in between can do anything about it.
class StoreFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One run of a prepared statement: bind from left to right, then next() until it says false.
/// The statement is free for its next use when this goes.
class Statement {
 public:
  Statement(sqlite3& database, sqlite3_stmt& prepared);
  ~Statement();
  Statement(Statement const&) = delete;
  Statement& operator=(Statement const&) = delete;

  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);
  Statement& bind_null();
  /// None is NULL. A template, so that a plain string does not look like an optional one.
  template <class Value>
  Statement& bind(std::optional<Value> const& value) {
    return value ? bind(*value) : bind_null();
  }

  /// True while there is a row.
  [[nodiscard]] bool next();
  /// For statements without rows: runs it and returns how many rows it changed.
  std::int64_t run();

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::optional<std::string> maybe_text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_number(int column) const;

 private:
  void check(int code) const;

  sqlite3& database_;
  sqlite3_stmt& prepared_;
  int bound_ = 0;
};

/// One SQLite connection: write-ahead log, foreign keys, every commit on the disk before it is
/// acknowledged.
class Database {
 public:
  /// Opens or creates `path`, readable by us only; ":memory:" keeps nothing.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(std::string const& path);
  ~Database();

  /// `sql` is a literal: it is prepared once and kept. Do not nest two uses of the same literal.
  [[nodiscard]] Statement statement(char const* sql);
  /// Several statements without parameters or rows.
  void execute(char const* sql);
  /// Position of the row inserted last.
  [[nodiscard]] std::int64_t last_position() const;

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* prepared) const;
  };
  explicit Database(std::unique_ptr<sqlite3, CloseDatabase> handle);

  std::unique_ptr<sqlite3, CloseDatabase> handle_;
  std::map<std::string_view, std::unique_ptr<sqlite3_stmt, Finalize>> prepared_;
};

/// All or nothing: what is written while it lives is undone unless commit() was called.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(Transaction const&) = delete;
  Transaction& operator=(Transaction const&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace bridge
