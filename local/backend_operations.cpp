#include <array>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"

// Not of the contract: what tests, users and the daemon want of this very process.

namespace bridge::local {
namespace {

awaitable<Outcome<net::HttpReply>> info(Parts& parts, Call const&) {
  auto runtimes = Json::array();
  for (auto const& one : parts.runtimes.snapshot())
    runtimes.push_back(Json{{"runtimeId", one.runtime.value},
                            {"runId", one.run.value},
                            {"pid", one.pid},
                            {"cdpConnections", one.cdp_connections},
                            {"cdpConnectionsTotal", one.cdp_connections_total},
                            {"starts", one.starts},
                            // Who drives a browser of this machine gives it paths of this machine,
                            // DOM.setFileInputFiles above all.
                            {"workspace", parts.files.workspaces().path_of(one.runtime).string()}});
  Json view{{"version", version()}, {"chromium", parts.chromium_version}};
  view["runtimes"] = std::move(runtimes);
  co_return json_reply(200, view);
}

// That the store answers is what could be wrong.
awaitable<Outcome<net::HttpReply>> health(Parts& parts, Call const&) {
  [[maybe_unused]] auto const space = parts.store.space(parts.store.default_space());
  co_return json_reply(200, Json{{"ok", true}, {"version", version()}});
}

awaitable<Outcome<net::HttpReply>> list_faults(Parts& parts, Call const&) {
  co_return json_reply(200, Json{{"data", parts.faults.view()}});
}

// {"endRun": true, "match": {"runtimeId": ...}} is done at once.
awaitable<Outcome<net::HttpReply>> end_run(Parts& parts, Json const& body) {
  auto const match = body.value("match", Json::object());
  auto const id = match.is_object() ? match.value("runtimeId", Json()) : Json();
  if (body.at("endRun") != true) co_return Problem::invalid("endRun", "endRun must be true.");
  if (!id.is_string())
    co_return Problem::invalid("match.runtimeId", "endRun needs match.runtimeId.");
  RuntimeId const runtime{id.get<std::string>()};
  if (!parts.store.runtime(runtime)) co_return Problem::not_found("runtime", runtime.value);
  if (!parts.runtimes.crash(runtime))
    co_return Problem(409, "runtime.not_active", "The runtime has no run.");
  co_return json_reply(200, Json{{"runtimeId", runtime.value}, {"endRun", true}});
}

awaitable<Outcome<net::HttpReply>> add_fault(Parts& parts, Call const& call) {
  if (call.body.contains("endRun")) co_return co_await end_run(parts, call.body);
  std::vector<Route> routes;
  for (auto const& operation : all_operations()) routes.push_back(operation.route);
  auto const fault = parts.faults.add(call.body, routes);
  if (!fault) co_return fault.error();
  co_return json_reply(201, fault_view(*fault));
}

awaitable<Outcome<net::HttpReply>> clear_faults(Parts& parts, Call const&) {
  parts.faults.clear();
  co_return json_reply(200, Json{{"data", Json::array()}});
}

constexpr std::array kRows{
    Operation{{"_local.info", "GET", "/_local/info"}, info},
    Operation{{"_local.health", "GET", "/_local/health"}, health, true},
    Operation{{"_local.faults.list", "GET", "/_local/faults"}, list_faults},
    Operation{{"_local.faults.add", "POST", "/_local/faults"}, add_fault},
    Operation{{"_local.faults.clear", "DELETE", "/_local/faults"}, clear_faults},
};

}  // namespace

std::span<Operation const> backend_operations() {
  return kRows;
}

}  // namespace bridge::local
