#include "local/operations.hpp"

namespace bridge::local {

std::vector<Operation> all_operations() {
  std::vector<Operation> all;
  for (auto const rows :
       {account_operations(),      backend_operations(),    device_operations(),
        help_operations(),         recipient_operations(),  space_operations(),
        subaccount_operations(),   runtime_operations(),    run_operations(),
        target_operations(),       file_operations(),       runtime_file_operations(),
        file_export_operations(),  extension_operations(),  vault_operations(),
        ai_operations(),           tool_operations(),       proxy_operations(),
        human_action_operations(), invocation_operations(), view_operations()})
    all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

Outcome<Space> find_space(Parts& parts, Call const& call, std::string const& named) {
  auto const id = named == "default" ? parts.accounts.default_space(call.caller) : SpaceId{named};
  auto space = parts.store.space(id);
  if (!space || !call.caller.may_see(space->subaccount)) return Problem::not_found("space", named);
  return std::move(*space);
}

Outcome<Run> find_run(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("runId");
  auto run = parts.store.run(RunId{id});
  if (!run) return Problem::not_found("run", id);
  return std::move(*run);
}

Outcome<RuntimeId> touch_runtime(Parts& parts, Call const& call) {
  RuntimeId id{call.parameters.at("runtimeId")};
  if (!parts.store.runtime(id)) return Problem::not_found("runtime", id.value);
  parts.runtimes.touch(id);
  return id;
}

Outcome<RuntimeFilter> read_runtime_filter(Parts& parts, Call const& call) {
  RuntimeFilter filter;
  filter.subaccount = call.caller.subaccount;
  if (auto const named = call.query.one("spaceId")) {
    auto const space = find_space(parts, call, *named);
    if (!space) return space.error();
    filter.space = space->id.value;
  }
  filter.statuses = call.query.all("status");
  return filter;
}

bool is_callers(Parts& parts, Call const& call) {
  if (!call.caller.subaccount) return true;
  auto id = SpaceId{call.parameters.at("spaceId")};
  if (auto const runtime = parts.store.runtime(RuntimeId{call.parameters.at("runtimeId")}))
    id = runtime->space;
  if (auto const run = parts.store.run(RunId{call.parameters.at("runId")})) id = run->space;
  auto const space = parts.store.space(id);
  return !space || call.caller.may_see(space->subaccount);
}

Outcome<Range> read_range(Query const& query) {
  auto const page = read_page(query);
  if (!page) return page.error();
  return Range{page->limit, page->after};
}

}  // namespace bridge::local
