#include <array>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"

namespace bridge::local {
namespace {

// There is one account here, and it is not a secret.
constexpr auto kOrganization = "org_local";
constexpr auto kKey = "key_local";

awaitable<Outcome<net::HttpReply>> whoami(Parts& parts, Call const&) {
  auto const& space = parts.store.default_space().value;
  Json const scope{{"scope", "organization"},
                   {"organizationId", kOrganization},
                   {"subaccountId", nullptr},
                   {"defaultSpaceId", space}};
  Json view{{"keyId", kKey},           {"email", nullptr},
            {"scope", "organization"}, {"organizationId", kOrganization},
            {"subaccountId", nullptr}, {"defaultSpaceId", space},
            {"plan", "developer"}};
  view["effectiveScope"] = scope;
  co_return json_reply(200, view);
}

// Not of the contract: what tests and the daemon want to know about this very process.
awaitable<Outcome<net::HttpReply>> info(Parts& parts, Call const&) {
  auto runtimes = Json::array();
  for (auto const& one : parts.runtimes.snapshot())
    runtimes.push_back(Json{{"runtimeId", one.runtime.value},
                            {"runId", one.run.value},
                            {"pid", one.pid},
                            {"cdpConnections", one.cdp_connections},
                            {"cdpConnectionsTotal", one.cdp_connections_total},
                            {"starts", one.starts}});
  Json view{{"version", version()}, {"chromium", parts.chromium_version}};
  view["runtimes"] = std::move(runtimes);
  co_return json_reply(200, view);
}

constexpr std::array kRows{
    Operation{{"auth.whoami", "GET", "/v1/auth/whoami"}, whoami},
    Operation{{"_local.info", "GET", "/_local/info"}, info},
};

}  // namespace

std::span<Operation const> account_operations() {
  return kRows;
}

}  // namespace bridge::local
