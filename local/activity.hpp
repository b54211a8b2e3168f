#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/json.hpp"
#include "local/store.hpp"

namespace bridge::local {

/// A line of a run's activity that no browser event stands for: a file came or went, an invocation
/// or a tool call did something. RunFeed::add_activity() writes it down; it takes its place among
/// the events, which the activity is otherwise made of.
struct Activity {
  std::string type;      ///< free, "file.uploaded"
  std::string category;  ///< runtime, browser, network, console, file, invocation, tool, captcha,
                         ///< agent, llm, system
  std::string message;   ///< one sentence for people
  std::string severity = "info";  ///< info, warning, error
  std::optional<std::string> status;
  std::optional<std::string> parent;
  std::optional<std::string> invocation;
  std::optional<std::string> tool_call;
  std::optional<std::string> file;
  std::optional<double> duration_seconds;
  std::optional<std::string> data;  ///< JSON object
};

/// The type of the rows that hold Activity. No event of the API has it.
inline constexpr std::string_view kActivityRow = "activity";

/// `activity` as a row among the run's events.
[[nodiscard]] Event activity_row(RunId const& run, Activity const& activity, Timestamp when);

/// Which part of the activity is asked for. Empty sets: everything.
struct ActivityFilter {
  bool debug = false;  ///< view=debug: the single requests, console lines and frames, too
  std::vector<std::string> types;
  std::vector<std::string> categories;
  std::vector<std::string> severities;
  std::optional<std::string> invocation;
  std::optional<std::string> file;
};

/// Types of the rows among which `filter` may find something.
[[nodiscard]] std::vector<std::string> activity_rows(ActivityFilter const& filter);

/// The row as a RunActivityItem, or null when `filter` leaves it out.
[[nodiscard]] Json activity_view(Event const& row, ActivityFilter const& filter);

}  // namespace bridge::local
