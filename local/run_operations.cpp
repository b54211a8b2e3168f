#include <array>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

// Reading about a run is using its runtime, for the idle limit.
std::optional<Run> find_run(Parts& parts, Call const& call) {
  auto run = parts.store.run(RunId{call.parameters.at("runId")});
  if (run) parts.runtimes.touch(run->runtime);
  return run;
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  RunFilter filter;
  filter.runtime = call.query.one("runtimeId");
  if (auto const named = call.query.one("spaceId")) {
    auto const space = find_space(parts, *named);
    if (!space) co_return space.error();
    filter.space = space->id.value;
  }
  auto statuses = call.query.all_of("status", {"active", "stopped", "failed"});
  if (!statuses) co_return statuses.error();
  filter.statuses = std::move(*statuses);

  auto const slice = parts.store.runs(filter, *range);
  std::vector<Json> rows;
  for (auto const& run : slice.rows) rows.push_back(run_summary(run));
  co_return json_reply(200, list_view(std::move(rows), slice.next()));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return Problem::not_found("run", call.parameters.at("runId"));
  auto const events = parts.store.count_events(run->id);
  co_return json_reply(200, run_view(*run, events, now()));
}

awaitable<Outcome<net::HttpReply>> list_events(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return Problem::not_found("run", call.parameters.at("runId"));
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto types = call.query.all_of(
      "type",
      {"runtime.lifecycle", "navigation", "network.request", "network.response", "network.failed",
       "console.message", "page.error", "page.crash", "dialog", "download", "captcha.solve.started",
       "captcha.solve.succeeded", "captcha.solve.failed"});
  if (!types) co_return types.error();
  auto statuses =
      call.query.all_of("status", {"started", "stopped", "failed", "finished", "received"});
  if (!statuses) co_return statuses.error();
  EventFilter filter;
  filter.types = std::move(*types);
  filter.statuses = std::move(*statuses);
  filter.page = call.query.one("pageId");
  filter.context = call.query.one("contextId");

  auto const slice = parts.store.events(run->id, filter, *range);
  std::vector<Json> rows;
  for (auto const& event : slice.rows) rows.push_back(event_view(event));
  co_return json_reply(200, list_view(std::move(rows), slice.next()));
}

constexpr std::array kRows{
    Operation{{"runs.list", "GET", "/v1/runs"}, list},
    Operation{{"runs.get", "GET", "/v1/runs/{runId}"}, get},
    Operation{{"runs.events.list", "GET", "/v1/runs/{runId}/events"}, list_events},
};

}  // namespace

std::span<Operation const> run_operations() {
  return kRows;
}

}  // namespace bridge::local
