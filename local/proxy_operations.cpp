#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/proxies.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

// What only managed proxies have.
constexpr std::array<char const*, 13> kManaged{
    "autoRenew", "city",       "country", "device",   "geoId", "ipFamily", "isp",
    "pool",      "preference", "region",  "rotation", "state", "stickyKey"};

Outcome<Document> find(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("proxyId");
  auto found = parts.proxies.all().find(id);
  if (!found || !call.caller.may_see(found->scope)) return Problem::not_found("proxy", id);
  return std::move(*found);
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  filter.scope = call.caller.subaccount;
  co_return list_reply(parts.proxies.all().list(filter, *range), proxy_view);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  if (call.body.at("type") != "custom")
    co_return Problem(403, "local.unsupported",
                      "Managed proxies are BCTRL's; a local backend has none.",
                      "Create a custom proxy with an address of your own.");
  Document made;
  made.id = new_uuid();
  made.scope = call.caller.subaccount.value_or("");
  Json body{{"type", "custom"}};
  if (auto problem = parts.proxies.merge(made.id, call.body, body)) co_return std::move(*problem);
  made.body = to_text(body);
  made.created_at = made.updated_at = now();
  if (!parts.proxies.all().add(made)) throw StoreFailure("an id was made twice");
  co_return json_reply(201, proxy_view(made));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const proxy = find(parts, call);
  if (!proxy) co_return proxy.error();
  co_return json_reply(200, proxy_view(*proxy));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto proxy = find(parts, call);
  if (!proxy) co_return proxy.error();
  for (auto const* const name : kManaged)
    if (call.body.contains(name)) {
      auto problem = Problem::invalid(name, std::string("A custom proxy has no ") + name + ".");
      problem.code = "proxy.invalid";
      co_return problem;
    }
  auto body = Json::parse(proxy->body);
  if (auto problem = parts.proxies.merge(proxy->id, call.body, body)) co_return std::move(*problem);
  proxy->body = to_text(body);
  proxy->updated_at = now();
  if (!parts.proxies.all().update(*proxy)) co_return Problem::not_found("proxy", proxy->id);
  co_return json_reply(200, proxy_view(*proxy));
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const proxy = find(parts, call);
  if (!proxy) co_return proxy.error();
  if (auto const user = parts.proxies.user_of(proxy->id)) {
    Problem problem(409, "proxy.conflict", "A runtime's config names this proxy.",
                    "Delete the runtime, or give it another proxy first.");
    problem.details = to_text(Json{{"runtimeId", user->value}});
    co_return problem;
  }
  parts.proxies.all().remove(proxy->id);
  co_return json_reply(200, Json{{"id", proxy->id}, {"deleted", true}});
}

awaitable<Outcome<net::HttpReply>> test(Parts& parts, Call const& call) {
  auto const proxy = find(parts, call);
  if (!proxy) co_return proxy.error();
  auto saved = parts.proxies.read(*proxy);
  auto const trial = co_await parts.proxies.try_out(std::move(saved));
  Json view{{"ok", trial.ok},
            {"latencySeconds", trial.seconds},
            {"httpStatus", nullptr},
            {"exitIp", nullptr},
            {"country", nullptr}};
  if (trial.status) view["httpStatus"] = *trial.status;
  if (trial.exit_ip) view["exitIp"] = *trial.exit_ip;
  if (!trial.ok) view["error"] = trial.error;
  co_return json_reply(200, view);
}

// The catalogues of managed proxies, of which there are none here.
awaitable<Outcome<net::HttpReply>> nothing(Parts&, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  co_return json_reply(200, list_view({}, std::nullopt));
}

awaitable<Outcome<net::HttpReply>> get_pool(Parts&, Call const& call) {
  auto problem = Problem::not_found("pool of proxies", call.parameters.at("poolId"));
  problem.code = "proxy.pool_not_found";
  problem.hint = "A local backend has no managed proxies.";
  co_return problem;
}

constexpr std::string_view kAll = "/v1/proxies";
constexpr std::string_view kOne = "/v1/proxies/{proxyId}";

constexpr std::array kRows{
    Operation{{"proxies.list", "GET", kAll}, list},
    Operation{{"proxies.create", "POST", kAll}, create},
    Operation{{"proxies.get", "GET", kOne}, get},
    Operation{{"proxies.update", "PATCH", kOne}, update},
    Operation{{"proxies.delete", "DELETE", kOne}, remove},
    Operation{{"proxies.test", "POST", "/v1/proxies/{proxyId}/test"}, test},
    Operation{{"proxies.geo.list", "GET", "/v1/proxies/geo"}, nothing},
    Operation{{"proxies.locations.list", "GET", "/v1/proxies/locations"}, nothing},
    Operation{{"proxies.pools.list", "GET", "/v1/proxies/pools"}, nothing},
    Operation{{"proxies.pools.get", "GET", "/v1/proxies/pools/{poolId}"}, get_pool},
};

}  // namespace

std::span<Operation const> proxy_operations() {
  return kRows;
}

}  // namespace bridge::local
