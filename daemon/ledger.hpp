#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace bridge {

class Database;

/// One run, as the ledger has it.
struct LedgerRow {
  using Time = std::chrono::system_clock::time_point;
  std::string bridge;
  RuntimeId runtime;
  RunId run;
  bool ours = false;  ///< the daemon started it; only such a run counts against a budget
  Time started;
  std::optional<Time> ended;  ///< none: open, as far as is known
  Time seen;                  ///< when the daemon last knew that it was open
  std::string reason;         ///< why it ended, a code; empty: not known
  std::optional<double> credits;
};

/// The history of runs, in a SQLite file: one row for each. A crash loses at most the time of an
/// end, which the platform tells later. What cannot be written is logged and forgotten: history
/// stops no work.
class Ledger {
 public:
  using Time = LedgerRow::Time;

  /// Opens or makes the file, 0600; several processes may.
  [[nodiscard]] static Result<std::unique_ptr<Ledger>> open(std::string const& path);
  ~Ledger();

  /// A run has begun at `when`, or is used again: one that is in the ledger keeps its start.
  void begun(std::string_view bridge, RuntimeId const& runtime, RunId const& run, bool ours,
             Time when);
  /// It was still open.
  void seen(RunId const& run, Time when);
  void ended(RunId const& run, Time when, std::string_view reason);
  /// What the platform says of it. `final`: it will say no more.
  void settled(RunId const& run, std::optional<Time> finished, std::optional<double> credits,
               bool final);

  [[nodiscard]] std::optional<Time> started(RunId const& run);
  /// Those that were open at `since` or later, by their start.
  [[nodiscard]] std::vector<LedgerRow> since(Time since);
  /// Those of which the platform has more to say.
  [[nodiscard]] std::vector<LedgerRow> unsettled();

 private:
  explicit Ledger(std::unique_ptr<Database> database);
  void attempt(std::string_view what, std::function<void()> const& work);

  std::unique_ptr<Database> database_;
  Log log_{"ledger"};
};

}  // namespace bridge
