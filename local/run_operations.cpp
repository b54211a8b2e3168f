#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "local/activity.hpp"
#include "local/drivers.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/run_stream.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr std::array kEventTypes{"runtime.lifecycle",
                                 "navigation",
                                 "network.request",
                                 "network.response",
                                 "network.failed",
                                 "console.message",
                                 "page.error",
                                 "page.crash",
                                 "dialog",
                                 "download",
                                 "captcha.solve.started",
                                 "captcha.solve.succeeded",
                                 "captcha.solve.failed"};
// Rows looked at between two chances for others.
constexpr std::int64_t kRowsAtOnce = 500;

RunCounts counts_of(Parts& parts, RunId const& run) {
  RunCounts counts;
  counts.events = parts.store.count_events(run);
  counts.invocations = parts.drivers.invocations.count(run);
  FileFilter of_run;
  of_run.run = run.value;
  auto const kept = parts.files.rows().totals(of_run);
  counts.files = kept.files;
  counts.files_bytes = kept.bytes;
  return counts;
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto common = read_runtime_filter(parts, call);
  if (!common) co_return common.error();
  RunFilter filter{std::move(*common), call.query.one("runtimeId")};
  co_return list_reply(parts.store.runs(filter, *range), run_summary);
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  co_return json_reply(200, run_view(*run, counts_of(parts, run->id), now()));
}

// Not of the contract, but the SDKs call it.
awaitable<Outcome<net::HttpReply>> get_usage(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  co_return json_reply(200, usage_view(*run, counts_of(parts, run->id), now()));
}

// The same: the runs of one runtime.
awaitable<Outcome<net::HttpReply>> list_of_runtime(Parts& parts, Call const& call) {
  RuntimeId const id{call.parameters.at("runtimeId")};
  if (!parts.store.runtime(id)) co_return Problem::not_found("runtime", id.value);
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto common = read_runtime_filter(parts, call);
  if (!common) co_return common.error();
  RunFilter filter{std::move(*common), id.value};
  co_return list_reply(parts.store.runs(filter, *range), run_summary);
}

EventFilter read_event_filter(Query const& query) {
  EventFilter filter;
  filter.types = query.all("type");
  // Without a word all of them; the activity's own rows are no events.
  if (filter.types.empty()) filter.types.assign(kEventTypes.begin(), kEventTypes.end());
  filter.statuses = query.all("status");
  filter.page = query.one("pageId");
  filter.context = query.one("contextId");
  return filter;
}

awaitable<Outcome<net::HttpReply>> list_events(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto const filter = read_event_filter(call.query);
  co_return list_reply(parts.store.events(run->id, filter, *range), event_view);
}

ActivityFilter read_activity_filter(Query const& query) {
  ActivityFilter filter;
  filter.debug = query.one("view") == "debug";
  filter.types = query.all("type");
  filter.categories = query.all("category");
  filter.severities = query.all("severity");
  filter.invocation = query.one("invocationId");
  filter.file = query.one("fileId");
  return filter;
}

awaitable<Outcome<net::HttpReply>> list_activity(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto const filter = read_activity_filter(call.query);
  EventFilter rows;
  rows.types = activity_rows(filter);
  std::vector<Json> items;
  std::optional<std::int64_t> shown;  // position of the last item
  for (auto after = range->after;;) {
    auto const slice = parts.store.events(run->id, rows, Range{kRowsAtOnce, after});
    for (auto const& row : slice.rows) {
      auto item = activity_view(row, filter);
      if (item.is_null()) continue;
      if (std::ssize(items) == range->limit)
        co_return json_reply(200, list_view(std::move(items), shown));
      items.push_back(std::move(item));
      shown = row.position;
    }
    after = slice.next();
    if (!after) break;
    co_await net::sleep_for(0s);
  }
  co_return json_reply(200, list_view(std::move(items), std::nullopt));
}

// Where a stream begins: behind `cursor`, else behind the last id that the reader has seen.
Outcome<std::optional<std::int64_t>> read_start(Call const& call) {
  auto const range = read_range(call.query);
  if (!range) return range.error();
  auto const seen = call.request.header("last-event-id");
  if (range->after || seen.empty()) return range->after;
  auto const position = cursor_position(seen);
  if (!position) return Problem::invalid("Last-Event-ID", "Last-Event-ID is no id of an event.");
  return position;
}

awaitable<Outcome<net::HttpReply>> stream_events(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto const start = read_start(call);
  if (!start) co_return start.error();
  RunStream stream;
  stream.run = run->id;
  stream.rows = read_event_filter(call.query);
  stream.event = "run.event";
  stream.view = event_view;
  stream.after = *start;
  auto headers = call.stream_headers();
  co_await stream_run(call.exchange, parts.store, parts.feed, std::move(stream),
                      std::move(headers));
  co_return answered();
}

awaitable<Outcome<net::HttpReply>> stream_activity(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto const start = read_start(call);
  if (!start) co_return start.error();
  auto const filter = read_activity_filter(call.query);
  RunStream stream;
  stream.run = run->id;
  stream.rows.types = activity_rows(filter);
  stream.event = "run.activity";
  stream.view = [filter](Event const& row) { return activity_view(row, filter); };
  stream.after = *start;
  auto headers = call.stream_headers();
  co_await stream_run(call.exchange, parts.store, parts.feed, std::move(stream),
                      std::move(headers));
  co_return answered();
}

constexpr std::array kRows{
    Operation{{"runs.list", "GET", "/v1/runs"}, list},
    Operation{{"runs.get", "GET", "/v1/runs/{runId}"}, get},
    Operation{{"runs.usage", "GET", "/v1/runs/{runId}/usage"}, get_usage},
    Operation{{"runtimes.runs", "GET", "/v1/runtimes/{runtimeId}/runs"}, list_of_runtime},
    Operation{{"runs.events.list", "GET", "/v1/runs/{runId}/events"}, list_events},
    Operation{{"runs.events.stream", "GET", "/v1/runs/{runId}/events/stream"}, stream_events},
    Operation{{"runs.activity.list", "GET", "/v1/runs/{runId}/activity"}, list_activity},
    Operation{{"runs.activity.stream", "GET", "/v1/runs/{runId}/activity/stream"}, stream_activity},
};

}  // namespace

std::span<Operation const> run_operations() {
  return kRows;
}

}  // namespace bridge::local
