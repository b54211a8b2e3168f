#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr std::array kLimits{"maxActiveRuns", "maxSpaces", "monthlyCreditLimit"};

Problem organization_only() {
  return Problem(403, "auth.forbidden", "Only the organization manages subaccounts.",
                 "Use an organization key, without BCTRL-Subaccount-Id.");
}

// The month in which `when` lies, as usage is counted by.
Json period_of(Timestamp when) {
  std::chrono::year_month_day const day(std::chrono::floor<std::chrono::days>(when));
  auto const month = day.year() / day.month();
  auto const start = std::chrono::sys_days(month / 1);
  auto const end = std::chrono::sys_days((month + std::chrono::months(1)) / 1);
  return Json{{"startedAt", rfc3339(start)}, {"endsAt", rfc3339(end)}};
}

Json usage_view(Parts& parts, Document const& subaccount) {
  auto const limits = Json::parse(subaccount.body).at("limits");
  auto const active = parts.store.count_active(subaccount.id);
  auto const spaces = parts.store.count_spaces(subaccount.id);
  auto const reached = [&](std::int64_t used, char const* limit) {
    return limits.at(limit).is_number() && used >= limits.at(limit).get<std::int64_t>();
  };
  bool const runs_blocked = reached(active, "maxActiveRuns");
  bool const spaces_blocked = reached(spaces, "maxSpaces");
  auto reasons = Json::array();
  if (runs_blocked) reasons.push_back("activeRunLimit");
  if (spaces_blocked) reasons.push_back("spaceLimit");
  auto const& credits = limits.at("monthlyCreditLimit");
  Json view{{"subaccountId", subaccount.id},
            {"computedAt", rfc3339(now())},
            {"period", period_of(now())},
            {"isBlocked", !reasons.empty()}};
  view["blockedReasons"] = std::move(reasons);
  view["credits"] = {{"breakdown", no_credits()}, {"estimated", 0},  {"settled", 0}, {"used", 0},
                     {"remaining", credits},      {"limit", nullptr}};
  if (credits.is_number()) view["credits"]["limit"] = credits.get<std::int64_t>();
  view["runs"] = {
      {"active", active}, {"limit", limits.at("maxActiveRuns")}, {"blocked", runs_blocked}};
  view["spaces"] = {
      {"used", spaces}, {"limit", limits.at("maxSpaces")}, {"blocked", spaces_blocked}};
  return view;
}

Json view_of(Parts& parts, Document const& subaccount, Call const& call) {
  auto view = Json::parse(subaccount.body);
  view["id"] = subaccount.id;
  view["createdAt"] = rfc3339(subaccount.created_at);
  view["updatedAt"] = rfc3339(subaccount.updated_at);
  for (auto const& part : call.query.all("include"))
    if (part == "usage") view["usage"] = usage_view(parts, subaccount);
  return view;
}

// What `given` says, over what is there.
std::optional<Problem> merge_limits(Json const& given, Json& limits) {
  for (auto const name : kLimits) {
    auto const value = given.find(name);
    if (value == given.end()) continue;
    if (value->is_number() && value->get<double>() < 0)
      return Problem::invalid(std::string("limits.") + name,
                              std::string("limits.") + name + " must be at least 0, or null.");
    limits[name] = *value;
  }
  return std::nullopt;
}

std::optional<Problem> apply(Json const& given, Document& subaccount) {
  auto body = Json::parse(subaccount.body);
  if (auto const name = given.find("name"); name != given.end()) {
    if (name->get_ref<std::string const&>().empty())
      return Problem::invalid("name", "name must not be empty.");
    body["name"] = *name;
  }
  for (auto const member : {"externalId", "metadata"})
    if (given.contains(member)) body[member] = given.at(member);
  if (given.contains("limits"))
    if (auto problem = merge_limits(given.at("limits"), body["limits"])) return problem;
  subaccount.body = to_text(body);
  subaccount.name.reset();
  if (body.at("externalId").is_string()) subaccount.name = body.at("externalId");
  return std::nullopt;
}

Problem taken() {
  Problem problem(409, "subaccount.conflict", "Another subaccount has this externalId.");
  problem.details = to_text(Json{{"field", "externalId"}});
  return problem;
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  filter.members.push_back({"status", call.query.all("status")});
  if (auto const external = call.query.one("externalId"))
    filter.members.push_back({"externalId", {*external}});
  if (call.caller.subaccount) co_return organization_only();
  filter.text = call.query.one("query");
  auto const view = [&](Document const& one) { return view_of(parts, one, call); };
  co_return list_reply(parts.accounts.subaccounts().list(filter, *range), view);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  if (call.caller.subaccount) co_return organization_only();
  Document made;
  made.id = "sub_" + new_uuid();
  made.created_at = made.updated_at = now();
  Space space;
  space.id = SpaceId{new_uuid()};
  space.name = "Default";
  space.subaccount = made.id;
  space.created_at = space.updated_at = made.created_at;
  Json const limits{
      {"maxActiveRuns", nullptr}, {"maxSpaces", nullptr}, {"monthlyCreditLimit", nullptr}};
  made.body = to_text(Json{{"status", "active"},
                           {"archivedAt", nullptr},
                           {"externalId", nullptr},
                           {"metadata", nullptr},
                           {"defaultSpaceId", space.id.value},
                           {"limits", limits}});
  if (auto problem = apply(call.body, made)) co_return std::move(*problem);
  Transaction whole(parts.store.database());
  if (!parts.accounts.subaccounts().add(made)) co_return taken();
  parts.store.add(space);
  whole.commit();
  co_return json_reply(201, view_of(parts, made, call));
}

Outcome<Document> find(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("subaccountId");
  auto found = parts.accounts.subaccounts().find(id);
  bool const own = !call.caller.subaccount || *call.caller.subaccount == id;
  if (!found || !own) return Problem::not_found("subaccount", id);
  return std::move(*found);
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const subaccount = find(parts, call);
  if (!subaccount) co_return subaccount.error();
  co_return json_reply(200, view_of(parts, *subaccount, call));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  if (call.caller.subaccount) co_return organization_only();
  auto subaccount = find(parts, call);
  if (!subaccount) co_return subaccount.error();
  if (auto problem = apply(call.body, *subaccount)) co_return std::move(*problem);
  subaccount->updated_at = now();
  if (!parts.accounts.subaccounts().update(*subaccount)) co_return taken();
  co_return json_reply(200, view_of(parts, *subaccount, call));
}

awaitable<Outcome<net::HttpReply>> archive(Parts& parts, Call const& call) {
  if (call.caller.subaccount) co_return organization_only();
  auto subaccount = find(parts, call);
  if (!subaccount) co_return subaccount.error();
  auto body = Json::parse(subaccount->body);
  if (body.at("status") != "archived") {
    subaccount->updated_at = now();
    body["status"] = "archived";
    body["archivedAt"] = rfc3339(subaccount->updated_at);
    subaccount->body = to_text(body);
    [[maybe_unused]] bool const updated = parts.accounts.subaccounts().update(*subaccount);
  }
  co_return json_reply(200, Json{{"id", subaccount->id}, {"archived", true}});
}

awaitable<Outcome<net::HttpReply>> list_usage(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  if (call.caller.subaccount) co_return organization_only();
  auto const view = [&](Document const& one) { return usage_view(parts, one); };
  co_return list_reply(parts.accounts.subaccounts().list({}, *range), view);
}

constexpr std::array kRows{
    Operation{{"subaccounts.list", "GET", "/v1/subaccounts"}, list},
    Operation{{"subaccounts.create", "POST", "/v1/subaccounts"}, create},
    Operation{{"subaccounts.usage.list", "GET", "/v1/subaccounts/usage"}, list_usage},
    Operation{{"subaccounts.get", "GET", "/v1/subaccounts/{subaccountId}"}, get},
    Operation{{"subaccounts.update", "PATCH", "/v1/subaccounts/{subaccountId}"}, update},
    Operation{{"subaccounts.archive", "POST", "/v1/subaccounts/{subaccountId}/archive"}, archive},
};

}  // namespace

std::span<Operation const> subaccount_operations() {
  return kRows;
}

}  // namespace bridge::local
