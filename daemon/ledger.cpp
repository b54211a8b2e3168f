#include "daemon/ledger.hpp"

#include <cmath>

#include "base/sqlite.hpp"

namespace bridge {
namespace {

constexpr double kMicro = 1e6;  // credits are kept as whole numbers

constexpr char const* kSchema = R"sql(
  PRAGMA busy_timeout = 2000;
  CREATE TABLE IF NOT EXISTS run (
    run TEXT PRIMARY KEY,
    bridge TEXT NOT NULL,
    runtime TEXT NOT NULL,
    ours INTEGER NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    seen INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    microcredits INTEGER,
    settled INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX IF NOT EXISTS run_by_start ON run (started);
)sql";

std::int64_t to_ms(Ledger::Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Ledger::Time from_ms(std::int64_t ms) {
  return Ledger::Time(std::chrono::milliseconds(ms));
}

std::optional<std::int64_t> to_ms(std::optional<Ledger::Time> time) {
  return time ? std::optional(to_ms(*time)) : std::nullopt;
}

LedgerRow read_row(Statement const& from) {
  LedgerRow row;
  row.run.value = from.text(0);
  row.bridge = from.text(1);
  row.runtime.value = from.text(2);
  row.ours = from.number(3) != 0;
  row.started = from_ms(from.number(4));
  if (auto const ended = from.maybe_number(5)) row.ended = from_ms(*ended);
  row.seen = from_ms(from.number(6));
  row.reason = from.text(7);
  if (auto const credits = from.maybe_number(8))
    row.credits = static_cast<double>(*credits) / kMicro;
  return row;
}

}  // namespace

Ledger::Ledger(std::unique_ptr<Database> database) : database_(std::move(database)) {}

Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(std::string const& path) {
  auto database = Database::open(path);
  if (!database) return database.error();
  try {
    (*database)->execute(kSchema);
  } catch (StoreFailure const& failure) {
    return Error::saying(Errc::bad_message, path + " is no ledger: " + failure.what());
  }
  return std::unique_ptr<Ledger>(new Ledger(std::move(*database)));
}

void Ledger::attempt(std::string_view what, std::function<void()> const& work) {
  try {
    work();
  } catch (StoreFailure const& failure) {
    log_.warn("{}: {}", what, failure.what());
  }
}

void Ledger::begun(std::string_view bridge, RuntimeId const& runtime, RunId const& run, bool ours,
                   Time when) {
  attempt("note the start of a run", [&] {
    database_
        ->statement(
            "INSERT INTO run (run, bridge, runtime, ours, started, seen) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (run) DO UPDATE SET ended = NULL, reason = '', settled = 0, "
            "ours = max(ours, excluded.ours), seen = excluded.seen")
        .bind(run.value)
        .bind(bridge)
        .bind(runtime.value)
        .bind(std::int64_t{ours})
        .bind(to_ms(when))
        .bind(to_ms(when))
        .run();
  });
}

void Ledger::seen(RunId const& run, Time when) {
  attempt("note that a run goes on", [&] {
    database_->statement("UPDATE run SET seen = ? WHERE run = ? AND ended IS NULL")
        .bind(to_ms(when))
        .bind(run.value)
        .run();
  });
}

void Ledger::ended(RunId const& run, Time when, std::string_view reason) {
  attempt("note the end of a run", [&] {
    database_->statement("UPDATE run SET ended = ?, reason = ? WHERE run = ? AND ended IS NULL")
        .bind(to_ms(when))
        .bind(reason)
        .bind(run.value)
        .run();
  });
}

void Ledger::settled(RunId const& run, std::optional<Time> finished, std::optional<double> credits,
                     bool final) {
  auto const micro = credits
                         ? std::optional(static_cast<std::int64_t>(std::llround(*credits * kMicro)))
                         : std::nullopt;
  attempt("note what a run has used", [&] {
    database_
        ->statement(
            "UPDATE run SET ended = coalesce(?, ended), "
            "microcredits = coalesce(?, microcredits), settled = ? WHERE run = ?")
        .bind(to_ms(finished))
        .bind(micro)
        .bind(std::int64_t{final})
        .bind(run.value)
        .run();
  });
}

std::optional<Ledger::Time> Ledger::started(RunId const& run) {
  std::optional<Time> out;
  attempt("look for a run", [&] {
    auto row = database_->statement("SELECT started FROM run WHERE run = ?");
    row.bind(run.value);
    if (row.next()) out = from_ms(row.number(0));
  });
  return out;
}

std::vector<LedgerRow> Ledger::since(Time since) {
  std::vector<LedgerRow> out;
  attempt("read the ledger", [&] {
    auto rows = database_->statement(
        "SELECT run, bridge, runtime, ours, started, ended, seen, reason, microcredits FROM run "
        "WHERE coalesce(ended, seen) >= ? OR ended IS NULL ORDER BY started, run");
    rows.bind(to_ms(since));
    while (rows.next()) out.push_back(read_row(rows));
  });
  return out;
}

std::vector<LedgerRow> Ledger::unsettled() {
  std::vector<LedgerRow> out;
  attempt("read the ledger", [&] {
    auto rows = database_->statement(
        "SELECT run, bridge, runtime, ours, started, ended, seen, reason, microcredits FROM run "
        "WHERE settled = 0 ORDER BY started, run");
    while (rows.next()) out.push_back(read_row(rows));
  });
  return out;
}

}  // namespace bridge
