#include "local/activity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "local/console_text.hpp"
#include "local/query.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kShownMax = 200;

/// What is said about an event.
struct Line {
  std::string_view category;
  std::string message;
  std::string_view severity = "info";
  bool debug = false;  ///< not for the normal view
};

std::string text_of(Json const& data, char const* name) {
  auto const found = data.find(name);
  return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Addresses and console lines may be endless; a message is one line.
std::string shortened(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return cut_text(std::move(text), kShownMax);
}

Line lifecycle(Event const& event, Json const& data) {
  auto const reason = text_of(data, "reason");
  if (event.name == "events.dropped")
    return {"system",
            fmt::format("{} events were not recorded", data.value("dropped", std::uint64_t{0})),
            "warning"};
  if (event.status == "started")
    return {"runtime", fmt::format("Runtime started ({})", text_of(data, "browserVersion"))};
  if (event.status == "failed")
    return {"runtime", fmt::format("Runtime failed: {}", data.value("message", reason)), "error"};
  return {"runtime", fmt::format("Runtime stopped ({})", reason)};
}

Line navigation(Event const& event, Json const& data) {
  bool const frame = !data.value("mainFrame", true);
  auto const where = shortened(text_of(data, "url"));
  if (event.status == "failed")
    return {"browser", fmt::format("Could not open {}", where), "error", frame};
  return {"browser", fmt::format("{} {}", frame ? "Frame opened" : "Opened", where), "info", frame};
}

Line console(Json const& data) {
  auto const level = text_of(data, "level");
  auto const text = shortened(text_of(data, "text"));
  if (level == "error") return {"console", fmt::format("Console error: {}", text), "error"};
  if (level == "warning") return {"console", fmt::format("Console warning: {}", text), "warning"};
  return {"console", fmt::format("Console: {}", text), "info", true};
}

Line response(Json const& data) {
  auto const status = data.value("status", 0);
  bool const bad = status >= 400;
  return {"network", fmt::format("{} {}", status, shortened(text_of(data, "url"))),
          bad ? "warning" : "info", !bad};
}

Line failure(Json const& data) {
  bool const canceled = data.value("canceled", false);
  return {"network",
          fmt::format(
              "{}: {}", canceled ? "Request canceled" : "Request failed",
              shortened(fmt::format("{} {}", text_of(data, "url"), text_of(data, "errorText")))),
          canceled ? "info" : "warning", canceled};
}

Line dialog(Event const& event, Json const& data) {
  if (event.status == "finished") return {"browser", "Dialog closed", "info", true};
  return {"browser", fmt::format("Dialog ({}): {}", text_of(data, "kind"),
                                 shortened(text_of(data, "message")))};
}

Line download(Event const& event, Json const& data) {
  auto const name = shortened(text_of(data, "suggestedFilename"));
  if (event.status == "started") return {"file", fmt::format("Download started: {}", name)};
  if (event.status == "failed")
    return {"file", fmt::format("Download canceled: {}", name), "warning"};
  return {"file",
          fmt::format("Downloaded {} ({} bytes)", name, data.value("bytes", std::uint64_t{0}))};
}

Line line_of(Event const& event, Json const& data) {
  auto const& type = event.type;
  if (type == "runtime.lifecycle") return lifecycle(event, data);
  if (type == "navigation") return navigation(event, data);
  if (type == "network.request")
    return {"network",
            fmt::format("{} {}", text_of(data, "method"), shortened(text_of(data, "url"))), "info",
            true};
  if (type == "network.response") return response(data);
  if (type == "network.failed") return failure(data);
  if (type == "console.message") return console(data);
  if (type == "page.error")
    return {"browser", fmt::format("Page error: {}", shortened(text_of(data, "message"))), "error"};
  if (type == "page.crash") return {"browser", "The page crashed", "error"};
  if (type == "dialog") return dialog(event, data);
  if (type == "download") return download(event, data);
  return {"system", type};
}

Json item_of_event(Event const& event, bool& debug) {
  auto data = event.data ? Json::parse(*event.data) : Json::object();
  auto const line = line_of(event, data);
  debug = line.debug;
  Json item{{"type", event.type},
            {"category", line.category},
            {"message", line.message},
            {"severity", line.severity}};
  if (event.status) item["status"] = *event.status;
  if (auto const file = text_of(data, "fileId"); !file.empty()) item["fileId"] = file;
  if (auto const lasted = data.find("durationSeconds"); lasted != data.end()) {
    item["durationSeconds"] = *lasted;
    data.erase(lasted);
  }
  if (!data.empty()) item["data"] = std::move(data);
  return item;
}

struct RowType {
  std::string_view type;
  std::vector<std::string_view> categories;
  bool debug = false;  ///< never in the normal view
};

std::vector<RowType> const& row_types() {
  static std::vector<RowType> const all{
      {"runtime.lifecycle", {"runtime", "system"}},
      {"navigation", {"browser"}},
      {"network.request", {"network"}, true},
      {"network.response", {"network"}},
      {"network.failed", {"network"}},
      {"console.message", {"console"}},
      {"page.error", {"browser"}},
      {"page.crash", {"browser"}},
      {"dialog", {"browser"}},
      {"download", {"file"}},
  };
  return all;
}

bool is_in(std::vector<std::string> const& wanted, std::string_view value) {
  return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool may_be_wanted(RowType const& row, ActivityFilter const& filter) {
  if (row.debug && !filter.debug) return false;
  if (!filter.types.empty() && !is_in(filter.types, row.type)) return false;
  return filter.categories.empty() ||
         std::any_of(row.categories.begin(), row.categories.end(),
                     [&](std::string_view one) { return is_in(filter.categories, one); });
}

bool among(std::vector<std::string> const& wanted, Json const& item, char const* name) {
  return wanted.empty() || is_in(wanted, text_of(item, name));
}

bool same(std::optional<std::string> const& wanted, Json const& item, char const* name) {
  return !wanted || text_of(item, name) == *wanted;
}

}  // namespace

Event activity_row(RunId const& run, Activity const& activity, Timestamp when) {
  Json item{{"type", activity.type},
            {"category", activity.category},
            {"message", activity.message},
            {"severity", activity.severity}};
  auto const put = [&item](char const* name, std::optional<std::string> const& value) {
    if (value) item[name] = *value;
  };
  put("status", activity.status);
  put("parentId", activity.parent);
  put("invocationId", activity.invocation);
  put("toolCallId", activity.tool_call);
  put("fileId", activity.file);
  if (activity.duration_seconds) item["durationSeconds"] = *activity.duration_seconds;
  if (activity.data) item["data"] = Json::parse(*activity.data);
  Event row;
  row.run = run;
  row.time = when;
  row.type = kActivityRow;
  row.data = to_text(item);
  return row;
}

std::vector<std::string> activity_rows(ActivityFilter const& filter) {
  std::vector<std::string> types{std::string(kActivityRow)};
  for (auto const& row : row_types())
    if (may_be_wanted(row, filter)) types.emplace_back(row.type);
  return types;
}

Json activity_view(Event const& row, ActivityFilter const& filter) {
  bool debug = false;
  auto item = row.type == kActivityRow ? Json::parse(*row.data) : item_of_event(row, debug);
  bool const shown =
      (filter.debug || !debug) && among(filter.types, item, "type") &&
      among(filter.categories, item, "category") && among(filter.severities, item, "severity") &&
      same(filter.invocation, item, "invocationId") && same(filter.file, item, "fileId");
  if (!shown) return nullptr;
  item["id"] = cursor_text(row.position);
  item["time"] = rfc3339(row.time);
  return item;
}

}  // namespace bridge::local
