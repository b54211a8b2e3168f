#include <array>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

Json or_null(std::optional<std::string> const& text) {
  return text ? Json(*text) : Json();
}

awaitable<Outcome<net::HttpReply>> whoami(Parts& parts, Call const& call) {
  auto const& caller = call.caller;
  Json const scope{{"scope", caller.subaccount ? "subaccount" : "organization"},
                   {"organizationId", Accounts::kOrganization},
                   {"subaccountId", or_null(caller.subaccount)},
                   {"defaultSpaceId", parts.accounts.default_space(caller).value}};
  auto view = scope;
  view["keyId"] = caller.key;
  view["email"] = nullptr;
  view["plan"] = "developer";
  view["effectiveScope"] = scope;
  co_return json_reply(200, view);
}

awaitable<Outcome<net::HttpReply>> list_keys(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  filter.members.push_back({"type", call.query.all("type")});
  filter.members.push_back({"subaccountId", call.query.all("subaccountId")});
  if (call.caller.subaccount) filter.members.push_back({"subaccountId", {*call.caller.subaccount}});
  auto const view = [&](Document const& key) { return parts.accounts.key_view(key); };
  co_return list_reply(parts.accounts.keys().list(filter, *range), view);
}

awaitable<Outcome<net::HttpReply>> create_key(Parts& parts, Call const& call) {
  auto body = call.body;
  if (call.caller.subaccount &&
      body.value("subaccountId", *call.caller.subaccount) != *call.caller.subaccount)
    co_return Problem(403, "auth.forbidden", "A subaccount makes keys of its own only.");
  if (call.caller.subaccount) body["subaccountId"] = *call.caller.subaccount;
  if (body.contains("subaccountId") &&
      !parts.accounts.subaccounts().find(body.at("subaccountId").get<std::string>()))
    co_return Problem::invalid("subaccountId", "subaccountId names no subaccount.");
  if (auto const expires = body.find("expiresAt"); expires != body.end() && expires->is_string()) {
    auto const when = moment_from(expires->get_ref<std::string const&>());
    if (*when <= now())
      co_return Problem::invalid("expiresAt", "expiresAt must be a moment to come.");
    *expires = rfc3339(*when);
  }
  auto const made = parts.accounts.make_key(body, now());
  co_return json_reply(
      201, Json{{"data", parts.accounts.key_view(made.key)}, {"secret", made.secret.reveal()}});
}

awaitable<Outcome<net::HttpReply>> delete_key(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("keyId");
  auto const key = parts.accounts.keys().find(id);
  bool const own = key && (!call.caller.subaccount ||
                           Json::parse(key->body).at("subaccountId") == *call.caller.subaccount);
  if (!own) co_return Problem::not_found("api_key", id);
  parts.accounts.remove_key(id);
  co_return json_reply(200, Json{{"id", id}, {"deleted", true}});
}

// Nothing is billed here.
awaitable<Outcome<net::HttpReply>> usage(Parts&, Call const&) {
  Json credits{{"breakdown", no_credits()}};
  for (auto const name : {"available", "effectiveBalance", "monthlyLimit", "monthlyRemaining",
                          "monthlyUsed", "outstandingDebt", "purchasedRemaining"})
    credits[name] = 0;
  co_return json_reply(200, Json{{"organizationId", Accounts::kOrganization},
                                 {"computedAt", rfc3339(now())},
                                 {"credits", credits},
                                 {"cycle", {{"startedAt", nullptr}, {"endsAt", nullptr}}},
                                 {"isBlocked", false},
                                 {"blockedReasons", Json::array()}});
}

constexpr std::array kRows{
    Operation{{"auth.whoami", "GET", "/v1/auth/whoami"}, whoami},
    Operation{{"api-keys.list", "GET", "/v1/api-keys"}, list_keys},
    Operation{{"api-keys.create", "POST", "/v1/api-keys"}, create_key},
    Operation{{"api-keys.delete", "DELETE", "/v1/api-keys/{keyId}"}, delete_key},
    Operation{{"usage.get", "GET", "/v1/usage"}, usage},
};

}  // namespace

std::span<Operation const> account_operations() {
  return kRows;
}

}  // namespace bridge::local
