#include "local/views.hpp"

#include <nlohmann/json.hpp>

#include "local/query.hpp"
#include "local/runtime_config.hpp"

namespace bridge::local {
namespace {

double seconds_between(Timestamp from, Timestamp to) {
  return std::chrono::duration<double>(to - from).count();
}

Json time_or_null(std::optional<Timestamp> when) {
  if (!when) return nullptr;
  return rfc3339(*when);
}

Json object_or_empty(std::optional<std::string> const& stored) {
  return stored ? Json::parse(*stored) : Json::object();
}

}  // namespace

Json space_view(Space const& space, bool with_environment) {
  Json view{{"id", space.id.value},
            {"name", space.name},
            {"createdAt", rfc3339(space.created_at)},
            {"updatedAt", rfc3339(space.updated_at)}};
  if (space.subaccount) view["subaccountId"] = *space.subaccount;
  if (with_environment) view["environment"] = object_or_empty(space.environment);
  return view;
}

Json runtime_summary(Runtime const& runtime) {
  Json view{{"id", runtime.id.value},
            {"spaceId", runtime.space.value},
            {"name", runtime.name},
            {"type", "browser"},
            {"status", to_text(runtime.status)},
            {"activeRunId", nullptr},
            {"createdAt", rfc3339(runtime.created_at)},
            {"updatedAt", rfc3339(runtime.updated_at)}};
  if (runtime.active_run) view["activeRunId"] = *runtime.active_run;
  if (runtime.last_activity_at) view["lastActivityAt"] = rfc3339(*runtime.last_activity_at);
  return view;
}

Json runtime_view(Runtime const& runtime) {
  auto view = runtime_summary(runtime);
  view["config"] = shown_config(runtime.config);
  view["metadata"] = runtime.metadata ? Json::parse(*runtime.metadata) : Json(nullptr);
  return view;
}

Json runtime_detail(Runtime const& runtime, Secret const& connect_url) {
  auto view = runtime_view(runtime);
  if (connect_url.empty()) return view;
  view["connectUrl"] = connect_url.reveal();
  view["protocol"] = "cdp";
  return view;
}

Json run_summary(Run const& run) {
  Json view{{"id", run.id.value},
            {"spaceId", run.space.value},
            {"runtimeId", run.runtime.value},
            {"runtimeType", "browser"},
            {"status", to_text(run.status)},
            {"createdAt", rfc3339(run.created_at)},
            {"startedAt", rfc3339(run.started_at)},
            {"finishedAt", time_or_null(run.finished_at)},
            {"durationSeconds", nullptr},
            {"failure", nullptr}};
  if (run.finished_at) view["durationSeconds"] = seconds_between(run.started_at, *run.finished_at);
  if (run.failure)
    view["failure"] = Json{{"code", run.failure->code}, {"message", run.failure->message}};
  return view;
}

// Nothing is billed here; "unavailable" is the contract's word for no figures.
Json usage_view(Run const& run, RunCounts const& counts, Timestamp when) {
  auto const until = run.finished_at.value_or(when);
  Json const tokens{{"input", nullptr}, {"output", nullptr}};
  Json const credits{{"ai", nullptr},    {"captcha", nullptr}, {"files", nullptr},
                     {"proxy", nullptr}, {"runtime", nullptr}, {"notifications", nullptr}};
  Json usage{{"billingStatus", "unavailable"},
             {"runtimeSeconds", seconds_between(run.started_at, until)},
             {"captchaSolves", 0},
             {"filesBytes", counts.files_bytes},
             {"proxyBytes", nullptr},
             {"aiTokensTotal", nullptr},
             {"creditsUsed", nullptr},
             {"computedAt", rfc3339(when)}};
  usage["breakdown"] = Json{{"aiTokens", tokens}, {"credits", credits}};
  return usage;
}

Json run_view(Run const& run, RunCounts const& counts, Timestamp when) {
  auto view = run_summary(run);
  view["counts"] = Json{{"events", counts.events},
                        {"files", counts.files},
                        {"invocations", counts.invocations},
                        {"toolCalls", 0}};  // no run calls a tool here
  view["usage"] = usage_view(run, counts, when);
  return view;
}

Json event_view(Event const& event) {
  // The id is also a cursor: a stream is resumed behind the last event it brought.
  Json view{
      {"id", cursor_text(event.position)}, {"time", rfc3339(event.time)}, {"type", event.type}};
  if (event.name) view["name"] = *event.name;
  if (event.status) view["status"] = *event.status;
  if (event.page) view["pageId"] = *event.page;
  if (event.context) view["contextId"] = *event.context;
  if (!event.data) return view;
  auto data = Json::parse(*event.data);
  if (auto const lasted = data.find("durationSeconds"); lasted != data.end()) {
    view["durationSeconds"] = *lasted;
    data.erase(lasted);
  }
  view["data"] = std::move(data);
  return view;
}

Json no_credits() {
  auto breakdown = Json::object();
  for (auto const name : {"aiCredits", "browserCredits", "captchaCredits", "filesCredits",
                          "notificationsCredits", "proxyCredits"})
    breakdown[name] = 0;
  return breakdown;
}

Json list_view(std::vector<Json> rows, std::optional<std::int64_t> next) {
  Json view{{"data", std::move(rows)}, {"nextCursor", nullptr}};
  if (next) view["nextCursor"] = cursor_text(*next);
  return view;
}

}  // namespace bridge::local
