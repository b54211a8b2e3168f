#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/recordings.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto const view = [](Space const& space) { return space_view(space, false); };
  co_return list_reply(parts.store.spaces(call.caller.subaccount, *range), view);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  if (auto problem = parts.accounts.check_space_limit(call.caller)) co_return std::move(*problem);
  Space space;
  space.id = SpaceId{new_uuid()};
  space.name = "Space " + space.id.value.substr(0, 8);
  space.subaccount = call.caller.subaccount;
  if (auto const name = call.body.find("name"); name != call.body.end()) space.name = *name;
  if (auto const mounts = call.body.find("environment"); mounts != call.body.end())
    space.environment = to_text(*mounts);
  space.created_at = space.updated_at = now();
  parts.store.add(space);
  co_return json_reply(201, space_view(space, false));
}

Outcome<Space> named_space(Parts& parts, Call const& call) {
  return find_space(parts, call, call.parameters.at("spaceId"));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const space = named_space(parts, call);
  if (!space) co_return space.error();
  co_return json_reply(200, space_view(*space, call.query.one("include") == "environment"));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto space = named_space(parts, call);
  if (!space) co_return space.error();
  if (auto const name = call.body.find("name"); name != call.body.end()) space->name = *name;
  space->updated_at = now();
  parts.store.update(*space);
  co_return json_reply(200, space_view(*space, false));
}

// With everything in it. Somebody's default space stays: what names no space goes there.
awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const space = named_space(parts, call);
  if (!space) co_return space.error();
  Caller const owner{"", space->subaccount};
  if (parts.accounts.default_space(owner) == space->id)
    co_return Problem(409, "space.is_default", "A default space cannot be deleted.");
  RuntimeFilter inside;
  inside.space = space->id.value;
  auto active = inside;
  active.statuses = {"active"};
  if (!parts.store.runtimes(active, Range{}).rows.empty())
    co_return Problem(409, "runtime.not_stopped", "The space has active runtimes.",
                      "Stop them first.");
  for (;;) {
    auto const runtimes = parts.store.runtimes(inside, Range{}).rows;
    if (runtimes.empty()) break;
    for (auto const& runtime : runtimes)
      if (auto const removed = parts.runtimes.remove(runtime.id); !removed)
        co_return removed.error();
  }
  parts.tools.forget(space->id);
  parts.files.remove_space(space->id);
  parts.recordings.sweep();
  co_return json_reply(200, Json{{"id", space->id.value}, {"deleted", true}});
}

net::HttpReply environment_reply(Space const& space) {
  return json_reply(200, space_view(space, true).at("environment"));
}

awaitable<Outcome<net::HttpReply>> environment(Parts& parts, Call const& call) {
  auto const space = named_space(parts, call);
  if (!space) co_return space.error();
  co_return environment_reply(*space);
}

// RFC 7396 is what the contract describes: null removes, objects are merged, the rest replaces.
awaitable<Outcome<net::HttpReply>> update_environment(Parts& parts, Call const& call) {
  auto space = named_space(parts, call);
  if (!space) co_return space.error();
  auto mounts = space->environment ? Json::parse(*space->environment) : Json::object();
  for (auto const name : {"storage", "vault", "ai"}) {
    if (!call.body.contains(name)) continue;
    Json patch = Json::object();
    patch[name] = call.body.at(name);
    mounts.merge_patch(patch);
  }
  space->environment = to_text(mounts);
  space->updated_at = now();
  parts.store.update(*space);
  co_return environment_reply(*space);
}

constexpr std::string_view kOne = "/v1/spaces/{spaceId}";
constexpr std::string_view kEnvironment = "/v1/spaces/{spaceId}/environment";

constexpr std::array kRows{
    Operation{{"spaces.list", "GET", "/v1/spaces"}, list},
    Operation{{"spaces.create", "POST", "/v1/spaces"}, create},
    Operation{{"spaces.get", "GET", kOne}, get},
    Operation{{"spaces.update", "PATCH", kOne}, update},
    Operation{{"spaces.delete", "DELETE", kOne}, remove},
    Operation{{"spaces.environment.get", "GET", kEnvironment}, environment},
    Operation{{"spaces.environment.update", "PATCH", kEnvironment}, update_environment},
};

}  // namespace

std::span<Operation const> space_operations() {
  return kRows;
}

}  // namespace bridge::local
