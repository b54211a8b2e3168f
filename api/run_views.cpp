#include "api/run_views.hpp"

#include <nlohmann/json.hpp>

#include "api/json_tools.hpp"
#include "api/paths.hpp"

namespace bridge::api {
namespace {

RunView to_view(Json const& from) {
  RunView view;
  view.url = Secret(text_of(from, {{"url"}, {"iframeUrl"}}));
  view.expires_at = text(from, "expiresAt");
  view.status = text(from, "status");
  view.duration_seconds = number(from, "durationSeconds");
  return view;
}

ActivityItem to_item(Json const& from) {
  ActivityItem item;
  item.id = text(from, "id");
  item.time = text(from, "time");
  item.type = text(from, "type");
  item.category = text(from, "category");
  item.message = text(from, "message");
  item.severity = text(from, "severity");
  item.status = text(from, "status");
  item.invocation = InvocationId{text(from, "invocationId")};
  item.data_json = json_text(from, "data");
  return item;
}

// A recording that is not there has no address; a live view always has one.
ApiResult<RunView> read_view(std::string_view body) {
  auto const is_usable = [](RunView const& view) {
    return !view.url.empty() || !view.status.empty();
  };
  return read_one(parse(body), "a view of a run", to_view, is_usable);
}

ApiResult<Page<ActivityItem>> read_activity(std::string_view body) {
  return read_page(parse(body), "a list of activity", to_item, has_id);
}

std::string lease(std::optional<std::chrono::seconds> life, char const* control) {
  Json request = Json::object();
  if (control != nullptr) request["control"] = control;
  if (life) request["expiresInSeconds"] = life->count();
  return dump(request);
}

}  // namespace

awaitable<ApiResult<RunView>> RunViews::live(RunId run, bool input,
                                             std::optional<std::chrono::seconds> life) {
  auto path = run_path(run, "/live");
  auto body = lease(life, input ? "input" : "none");
  auto const answer = co_await rest_.ask("POST", std::move(path), std::move(body));
  co_return read_with(answer, read_view);
}

awaitable<ApiResult<RunView>> RunViews::recording(RunId run,
                                                  std::optional<std::chrono::seconds> life) {
  auto path = run_path(run, "/recording");
  auto body = lease(life, nullptr);
  auto const answer = co_await rest_.ask("POST", std::move(path), std::move(body));
  co_return read_with(answer, read_view);
}

awaitable<ApiResult<Page<ActivityItem>>> RunViews::activity(ActivityQuery query) {
  auto path = QueryText(run_path(query.run, "/activity"))
                  .add("view", query.debug ? "debug" : "")
                  .add("category", query.category)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_activity);
}

}  // namespace bridge::api
