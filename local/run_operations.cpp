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
  auto common = read_runtime_filter(parts, call);
  if (!common) co_return common.error();
  RunFilter filter{std::move(*common), call.query.one("runtimeId")};
  co_return list_reply(parts.store.runs(filter, *range), run_summary);
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
  EventFilter filter;
  filter.types = call.query.all("type");
  filter.statuses = call.query.all("status");
  filter.page = call.query.one("pageId");
  filter.context = call.query.one("contextId");
  co_return list_reply(parts.store.events(run->id, filter, *range), event_view);
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
