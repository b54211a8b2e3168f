#include "daemon/usage.hpp"

#include <doctest/doctest.h>

using namespace bridge;
using namespace std::chrono_literals;

namespace {

WallTime time(char const* text) {
  auto const out = parse_time(text);
  REQUIRE_MESSAGE(out.has_value(), text);
  return *out;
}

LedgerRow row(char const* from, char const* to, std::string bridge = "main") {
  LedgerRow out;
  out.bridge = std::move(bridge);
  out.ours = true;
  out.started = time(from);
  out.seen = out.started;
  if (*to != '\0') out.ended = time(to);
  return out;
}

config::Budget budget(config::Duration span, config::BudgetPer per = config::BudgetPer::day) {
  config::Budget out;
  out.time = span;
  out.per = per;
  return out;
}

}  // namespace

TEST_CASE("usage: times as the API writes them") {
  auto const noon = time("2026-11-27T12:00:00Z");
  CHECK(time("2026-11-27T12:00:00.000Z") == noon);
  CHECK(time("2026-11-27T13:30:00+01:30") == noon);
  CHECK(time("2026-11-27T07:00:00.5-05:00") == noon + 500ms);
  CHECK(time("2026-11-27T12:00:00.123456Z") == noon + 123ms);
  for (auto const* bad :
       {"", "2026-11-27", "2026-13-27T12:00:00Z", "2026-02-30T12:00:00Z", "2026-11-27T12:00:00",
        "2026-11-27 12:00:00Z", "2026-11-27T12:00:00.Z", "2026-11-27T12:00:00+1", "today"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_time(bad).has_value());
  }
}

TEST_CASE("usage: days and months are those of UTC") {
  auto const when = time("2024-02-29T23:59:59Z");
  auto const day = period_of(config::BudgetPer::day, when);
  CHECK(day.from == time("2024-02-29T00:00:00Z"));
  CHECK(day.to == time("2024-03-01T00:00:00Z"));
  auto const month = period_of(config::BudgetPer::month, when);
  CHECK(month.from == time("2024-02-01T00:00:00Z"));
  CHECK(month.to == time("2024-03-01T00:00:00Z"));
  CHECK(period_of(config::BudgetPer::month, time("2025-12-31T12:00:00Z")).to ==
        time("2026-01-01T00:00:00Z"));
}

TEST_CASE("usage: a run over midnight is in both days, and begins in one") {
  std::vector const rows{row("2026-11-26T23:50:00Z", "2026-11-27T00:30:00Z"),
                         row("2026-11-27T08:00:00Z", "2026-11-27T08:10:00Z"),
                         row("2026-11-27T08:00:00Z", "2026-11-27T09:00:00Z", "spare")};
  auto const days = daily_use(rows, time("2026-11-01T00:00:00Z"), time("2026-11-27T12:00:00Z"));
  REQUIRE(days.size() == 3);
  auto const& first = days.at({"main", "2026-11-26"});
  CHECK(first.runs == 1);
  CHECK(first.time == 10min);
  auto const& second = days.at({"main", "2026-11-27"});
  CHECK(second.runs == 1);
  CHECK(second.time == 40min);
  CHECK(days.at({"spare", "2026-11-27"}).time == 1h);
}

TEST_CASE("usage: an open run counts up to now, or to when it was last seen") {
  auto open = row("2026-11-27T08:00:00Z", "");
  auto const now = time("2026-11-27T09:00:00Z");
  auto const day = period_of(config::BudgetPer::day, now);
  open.seen = now - 30s;
  CHECK(used_in(std::vector{open}, "main", day, now).time == 1h);
  open.seen = now - 30min;
  CHECK(used_in(std::vector{open}, "main", day, now).time == 30min);
  open.ours = false;
  CHECK(used_in(std::vector{open}, "main", day, now).time == 0ms);
  CHECK(used_in(std::vector{open}, "main", day, now).runs == 0);
}

TEST_CASE("usage: a budget ends when it is used up, in this period or the next") {
  struct Row {
    std::string name;
    config::Budget budget;
    char const* now;
    Millis left;
    char const* ends;  ///< empty: never
  };
  // 40 minutes of this day are used.
  std::vector const rows{row("2026-11-27T08:00:00Z", "2026-11-27T08:40:00Z"),
                         row("2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z")};
  for (auto const& [name, limit, now, left, ends] :
       {Row{"in this day", budget(60min), "2026-11-27T12:00:00Z", 20min, "2026-11-27T12:20:00Z"},
        Row{"the day ends first", budget(60min), "2026-11-27T23:50:00Z", 20min,
            "2026-11-28T01:00:00Z"},
        Row{"used up", budget(30min), "2026-11-27T12:00:00Z", 0min, "2026-11-27T12:00:00Z"},
        Row{"in this month", budget(2h, config::BudgetPer::month), "2026-11-27T12:00:00Z", 20min,
            "2026-11-27T12:20:00Z"},
        Row{"more than there is in a day", budget(24h), "2026-11-27T12:00:00Z", 23h + 20min, ""}}) {
    CAPTURE(name);
    auto const out = budget_left(limit, rows, "main", time(now));
    CHECK(out.time == left);
    CHECK(out.ends == (*ends == '\0' ? std::nullopt : std::optional(time(ends))));
    CHECK(out.used_up() == (left == 0ms));
  }
  CHECK_FALSE(budget_left({}, rows, "main", time("2026-11-27T12:00:00Z")).used_up());
}

TEST_CASE("usage: credits count where a run began, and end what is over them") {
  auto first = row("2026-11-27T08:00:00Z", "2026-11-27T08:40:00Z");
  first.credits = 7.5;
  config::Budget limit;
  limit.credits = 10;
  auto const now = time("2026-11-27T12:00:00Z");
  CHECK(budget_left(limit, std::vector{first}, "main", now).credits == 2.5);
  CHECK_FALSE(budget_left(limit, std::vector{first}, "main", now).ends.has_value());
  first.credits = 10;
  auto const out = budget_left(limit, std::vector{first}, "main", now);
  CHECK(out.used_up());
  CHECK(out.ends == now);
}

TEST_CASE("usage: since when") {
  auto const now = time("2026-11-27T12:00:00Z");
  CHECK(parse_since("30d", now) == now - std::chrono::days(30));
  CHECK(parse_since("12h", now) == now - 12h);
  CHECK(parse_since("2026-11-01", now) == time("2026-11-01T00:00:00Z"));
  for (auto const* bad : {"", "d", "-1d", "30", "yesterday", "2026-11-31", "99999d"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_since(bad, now).has_value());
  }
}

TEST_CASE("usage: spans as people read them") {
  CHECK(print_span(4min + 59s + 900ms) == "4m59s");
  CHECK(print_span(12s) == "12s");
  CHECK(print_span(2h + 5min + 30s) == "2h05m");
  CHECK(print_span(-1s) == "0s");
}
