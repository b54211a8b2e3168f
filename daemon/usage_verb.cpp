#include "daemon/usage_verb.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "config/paths.hpp"
#include "config/values.hpp"
#include "daemon/control_client.hpp"
#include "daemon/failure.hpp"
#include "daemon/usage.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

int fail(int code, std::string_view line) {
  fmt::print(stderr, "bctrl-bridge: {}\n", line);
  return code;
}

double seconds(Millis span) {
  return std::chrono::duration<double>(span).count();
}

/// What is left of the budget of a bridge, for those that have one.
struct Left {
  std::string bridge;
  std::string per;  ///< "day" or "month"
  BudgetLeft left;
};

std::vector<Left> budgets_of(config::Config const& config, std::span<LedgerRow const> rows,
                             WallTime now) {
  std::vector<Left> out;
  for (auto const& bridge : config.bridges) {
    auto const& budget = bridge.budget;
    if (budget.time.count() == 0 && budget.credits <= 0) continue;
    auto const per = std::string(config::word_for(budget.per));
    out.push_back({bridge.name, per, budget_left(budget, rows, bridge.name, now)});
  }
  return out;
}

/// As the daemon has them, whatever configuration it was started with. Empty without a daemon.
std::vector<Left> budgets_of_daemon(config::Env const& env) {
  std::vector<Left> out;
  auto const answer = ask_daemon(env, "GET", "/status");
  if (!answer.error.empty()) return out;
  auto const status = Json::parse(answer.body);
  for (auto const& bridge : status.at("bridges")) {
    if (!bridge.contains("budget")) continue;
    auto const& budget = bridge["budget"];
    Left left;
    left.bridge = bridge.value("name", std::string());
    left.per = budget.value("per", std::string());
    if (budget.contains("secondsLeft"))
      left.left.time = std::chrono::seconds(budget["secondsLeft"].get<std::int64_t>());
    if (budget.contains("creditsLeft")) left.left.credits = budget["creditsLeft"].get<double>();
    out.push_back(std::move(left));
  }
  return out;
}

std::string budget_line(Left const& left) {
  std::string out;
  if (left.left.time) out += print_span(*left.left.time);
  if (left.left.credits)
    out +=
        fmt::format("{}{:g} credits", out.empty() ? "" : ", ", std::max(0.0, *left.left.credits));
  return fmt::format("{}: {} left of this {}'s budget", left.bridge, out, left.per);
}

Json to_json(DailyUse const& days, std::vector<Left> const& left) {
  Json by_day = Json::array();
  for (auto const& [key, used] : days)
    by_day.push_back({{"bridge", key.first},
                      {"day", key.second},
                      {"runs", used.runs},
                      {"seconds", seconds(used.time)},
                      {"credits", used.credits}});
  Json by_bridge = Json::array();
  for (auto const& one : left) {
    Json item{{"bridge", one.bridge}, {"per", one.per}};
    item["secondsLeft"] = one.left.time ? Json(seconds(*one.left.time)) : Json();
    item["creditsLeft"] = one.left.credits ? Json(*one.left.credits) : Json();
    by_bridge.push_back(std::move(item));
  }
  return {{"days", std::move(by_day)}, {"budgets", std::move(by_bridge)}};
}

Result<std::string> ledger_path(config::Env const& env) {
  auto const directory = config::state_dir(env);
  if (!directory) return directory.error();
  return *directory + "/ledger.db";
}

void print_table(DailyUse const& days, std::vector<Left> const& left) {
  if (days.empty()) fmt::print("no runs in this time\n");
  for (auto const& [key, used] : days) {
    fmt::print("{:<20} {}  {:>3} {:<4} {:>8}", key.first, key.second, used.runs,
               used.runs == 1 ? "run" : "runs", print_span(used.time));
    if (used.credits > 0) fmt::print("  {:g} credits", used.credits);
    fmt::print("\n");
  }
  for (auto const& one : left) fmt::print("{}\n", budget_line(one));
}

}  // namespace

Result<std::unique_ptr<Ledger>> open_ledger_of(config::Env const& env) {
  auto const directory = config::make_state_dir(env);
  if (!directory) return directory.error();
  return Ledger::open(*directory + "/ledger.db");
}

int print_usage(UsageVerb const& verb, config::Loaded const& loaded, config::Env const& env) {
  auto const now = std::chrono::system_clock::now();
  auto const since = parse_since(verb.since, now);
  if (!since)
    return fail(exit_code::usage,
                fmt::format("--since {}: write 30d, 12h, or a day such as 2026-11-01", verb.since));
  auto const path = ledger_path(env);
  if (!path) return fail(exit_code::failure, path.error().text());
  std::vector<LedgerRow> rows;
  // Nothing is made by a question.
  bool const there = ::access(path->c_str(), F_OK) == 0;
  if (!there && errno != ENOENT)
    return fail(exit_code::failure,
                fmt::format("{} (XDG_STATE_HOME): {}", *path, std::strerror(errno)));
  if (there) {
    auto const ledger = Ledger::open(*path);
    if (!ledger) return fail(exit_code::failure, ledger.error().text());
    auto const month = period_of(config::BudgetPer::month, now);
    rows = (*ledger)->since(std::min(*since, month.from));
  }
  // A file was named, or is where one is looked for: it is what the daemon has read, too.
  auto left = loaded.file.empty() ? budgets_of_daemon(env) : budgets_of(loaded.config, rows, now);
  if (!verb.bridge.empty()) {
    std::erase_if(rows, [&](auto const& row) { return row.bridge != verb.bridge; });
    std::erase_if(left, [&](auto const& one) { return one.bridge != verb.bridge; });
    auto const& bridges = loaded.config.bridges;
    auto const known = [&](auto const& one) { return one.name == verb.bridge; };
    if (rows.empty() && left.empty() && std::none_of(bridges.begin(), bridges.end(), known))
      return fail(exit_code::usage, fmt::format("no bridge is named \"{}\"", verb.bridge));
  }
  auto const days = daily_use(rows, *since, now);
  if (verb.json) {
    fmt::print("{}\n", to_json(days, left).dump(2));
  } else {
    print_table(days, left);
  }
  return exit_code::ok;
}

}  // namespace bridge
