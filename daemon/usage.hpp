#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "daemon/ledger.hpp"

namespace bridge {

// What runs have used, counted by calendar days and months in UTC. Pure.

using WallTime = LedgerRow::Time;
using Millis = std::chrono::milliseconds;

/// From `from` up to and without `to`.
struct Period {
  WallTime from;
  WallTime to;
};
/// The day or month that `when` is in.
[[nodiscard]] Period period_of(config::BudgetPer per, WallTime when);

struct Used {
  std::size_t runs = 0;
  Millis time{0};
  double credits = 0;
};
/// What our runs of `bridge` used in the period. An open run counts up to `now`, or to when it was
/// last seen if that is long ago. Its credits count where it began.
[[nodiscard]] Used used_in(std::span<LedgerRow const> rows, std::string_view bridge, Period period,
                           WallTime now);

/// Whether a budget is used up, and when it will be if one run goes on from now.
struct BudgetLeft {
  std::optional<Millis> time;     ///< none: no such limit
  std::optional<double> credits;  ///< none: no such limit
  std::optional<WallTime> ends;   ///< none: not foreseeable, or never
  Period period;
  [[nodiscard]] bool used_up() const {
    return (time && *time <= Millis::zero()) || (credits && *credits <= 0);
  }
};
[[nodiscard]] BudgetLeft budget_left(config::Budget const& budget, std::span<LedgerRow const> rows,
                                     std::string_view bridge, WallTime now);

/// By bridge and day ("2026-11-27"): what its runs used. A run over midnight is in both days; it is
/// counted as a run where it began.
using DailyUse = std::map<std::pair<std::string, std::string>, Used>;
[[nodiscard]] DailyUse daily_use(std::span<LedgerRow const> rows, WallTime since, WallTime now);

/// "30d", "12h", or a day "2026-11-01": when that was. None: neither.
[[nodiscard]] std::optional<WallTime> parse_since(std::string_view text, WallTime now);
/// RFC 3339 with any offset, as the API writes times.
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);
/// "2h05m", "4m59s", "12s".
[[nodiscard]] std::string print_span(Millis span);

}  // namespace bridge
