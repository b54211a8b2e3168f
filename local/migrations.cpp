#include "local/migrations.hpp"

#include <fmt/format.h>

#include <array>

namespace bridge::local {
namespace {

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
)sql",
    R"sql(
CREATE TABLE documents (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  scope TEXT NOT NULL,
  name TEXT,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_of_kind ON documents (kind, position);
CREATE UNIQUE INDEX documents_by_name ON documents (kind, scope, name) WHERE name IS NOT NULL;
ALTER TABLE spaces ADD COLUMN subaccount_id TEXT;
)sql",
    R"sql(
CREATE TABLE files (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  space_id TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  hash TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('upload', 'runtime')),
  type TEXT,
  run_id TEXT,
  runtime_id TEXT,
  metadata TEXT,
  created_at INTEGER NOT NULL,
  UNIQUE (space_id, path)
) STRICT;
CREATE INDEX files_of_hash ON files (hash);
CREATE INDEX files_of_run ON files (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX files_of_runtime ON files (runtime_id) WHERE runtime_id IS NOT NULL;
)sql",
    // They held whole requests, and with them secrets. A day would have ended them anyway.
    R"sql(
DELETE FROM answers;
)sql"};

std::size_t layout(Database& database) {
  auto version = database.statement("PRAGMA user_version");
  return version.next() ? static_cast<std::size_t>(version.number(0)) : 0;
}

}  // namespace

void migrate(Database& database) {
  auto const done = layout(database);
  if (done > kMigrations.size())
    throw StoreFailure("it was written by a newer bctrl-bridge; use that one or another --state");
  for (auto step = done; step < kMigrations.size(); ++step) {
    Transaction whole(database);
    database.execute(kMigrations.at(step));
    database.execute(fmt::format("PRAGMA user_version = {}", step + 1).c_str());
    whole.commit();
  }
}

}  // namespace bridge::local
