#include "daemon/usage.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "config/units.hpp"

namespace bridge {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// The daemon notes every 30 s that a run goes on.
constexpr auto kFresh = 2min;

WallTime end_of(LedgerRow const& row, WallTime now) {
  if (row.ended) return *row.ended;
  return now - row.seen < kFresh ? now : row.seen;
}

Millis overlap(LedgerRow const& row, Period period, WallTime now) {
  auto const from = std::max(row.started, period.from);
  auto const to = std::min(end_of(row, now), period.to);
  return std::max(Millis::zero(), std::chrono::duration_cast<Millis>(to - from));
}

bool is_in(WallTime when, Period period) {
  return when >= period.from && when < period.to;
}

std::optional<int> read_number(std::string_view text) {
  int out = 0;
  auto const* const end = text.data() + text.size();
  auto const [at, failure] = std::from_chars(text.data(), end, out);
  if (failure != std::errc() || at != end || text.empty()) return std::nullopt;
  return out;
}

// "2026-11-27"
std::optional<sys_days> read_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  auto const year = read_number(text.substr(0, 4));
  auto const month = read_number(text.substr(5, 2));
  auto const day = read_number(text.substr(8, 2));
  if (!year || !month || !day || *month < 0 || *day < 0) return std::nullopt;
  year_month_day const date(std::chrono::year(*year),
                            std::chrono::month(static_cast<unsigned>(*month)),
                            std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return sys_days(date);
}

std::string day_text(WallTime when) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

}  // namespace

Period period_of(config::BudgetPer per, WallTime when) {
  auto const day = std::chrono::floor<days>(when);
  if (per == config::BudgetPer::day) return {day, day + days(1)};
  year_month_day const date(day);
  auto const first = date.year() / date.month() / 1;
  auto const next = first + std::chrono::months(1);
  return {sys_days(first), sys_days(next)};
}

Used used_in(std::span<LedgerRow const> rows, std::string_view bridge, Period period,
             WallTime now) {
  Used out;
  for (auto const& row : rows) {
    if (row.bridge != bridge || !row.ours) continue;
    out.time += overlap(row, period, now);
    if (!is_in(row.started, period)) continue;
    ++out.runs;
    out.credits += row.credits.value_or(0);
  }
  return out;
}

BudgetLeft budget_left(config::Budget const& budget, std::span<LedgerRow const> rows,
                       std::string_view bridge, WallTime now) {
  BudgetLeft out;
  out.period = period_of(budget.per, now);
  auto const used = used_in(rows, bridge, out.period, now);
  if (budget.credits > 0) out.credits = static_cast<double>(budget.credits) - used.credits;
  if (budget.time > Millis::zero()) {
    out.time = std::max(Millis::zero(), budget.time - used.time);
    auto const next = period_of(budget.per, out.period.to);
    if (now + *out.time <= out.period.to) {
      out.ends = now + *out.time;
    } else if (next.from + budget.time < next.to) {
      out.ends = next.from + budget.time;  // this period ends first, and so begins the next
    }
  }
  if (out.used_up()) out.ends = now;
  return out;
}

DailyUse daily_use(std::span<LedgerRow const> rows, WallTime since, WallTime now) {
  DailyUse out;
  for (auto const& row : rows) {
    if (!row.ours) continue;
    auto period = period_of(config::BudgetPer::day, std::max(row.started, since));
    auto const end = end_of(row, now);
    for (bool first = true; first || period.from < end; first = false) {
      if (period.to > since) {
        auto& used = out[{row.bridge, day_text(period.from)}];
        used.time += overlap(row, period, now);
        if (is_in(row.started, period)) {
          ++used.runs;
          used.credits += row.credits.value_or(0);
        }
      }
      period = period_of(config::BudgetPer::day, period.to);
    }
  }
  return out;
}

std::optional<WallTime> parse_since(std::string_view text, WallTime now) {
  if (auto const day = read_day(text)) return *day;
  if (text.ends_with('d')) {
    auto const count = read_number(text.substr(0, text.size() - 1));
    if (!count || *count < 0 || *count > 36500) return std::nullopt;
    return now - days(*count);
  }
  auto const span = config::parse_duration(text);
  if (!span || *span > days(36500)) return std::nullopt;
  return now - *span;
}

std::optional<WallTime> parse_time(std::string_view text) {
  if (text.size() < 20 || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  auto const day = read_day(text.substr(0, 10));
  auto const hour = read_number(text.substr(11, 2));
  auto const minute = read_number(text.substr(14, 2));
  auto const second = read_number(text.substr(17, 2));
  if (!day || !hour || !minute || !second) return std::nullopt;
  auto rest = text.substr(19);
  Millis fraction{0};
  if (rest.starts_with('.')) {
    auto const end = rest.find_first_not_of("0123456789", 1);
    if (end == std::string_view::npos || end == 1) return std::nullopt;
    auto digits = std::string(rest.substr(1, std::min<std::size_t>(end - 1, 3)));
    digits.resize(3, '0');
    fraction = Millis(read_number(digits).value_or(0));
    rest = rest.substr(end);
  }
  std::chrono::minutes offset{0};
  if (rest != "Z" && rest != "z") {
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':')
      return std::nullopt;
    auto const hours = read_number(rest.substr(1, 2));
    auto const minutes = read_number(rest.substr(4, 2));
    if (!hours || !minutes) return std::nullopt;
    offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    if (rest[0] == '-') offset = -offset;
  }
  return WallTime(*day) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + fraction - offset;
}

std::string print_span(Millis span) {
  auto const all =
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(span).count());
  auto const hours = all / 3600;
  auto const minutes = all / 60 % 60;
  if (hours > 0) return fmt::format("{}h{:02}m", hours, minutes);
  if (minutes > 0) return fmt::format("{}m{:02}s", minutes, all % 60);
  return fmt::format("{}s", all);
}

}  // namespace bridge
