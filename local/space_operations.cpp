#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/token.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto const view = [](Space const& space) { return space_view(space, false); };
  co_return list_reply(parts.store.spaces(*range), view);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  Space space;
  space.id = SpaceId{new_uuid()};
  space.name = "Space " + space.id.value.substr(0, 8);
  if (auto const name = call.body.find("name"); name != call.body.end()) space.name = *name;
  if (auto const mounts = call.body.find("environment"); mounts != call.body.end())
    space.environment = to_text(*mounts);
  space.created_at = space.updated_at = now();
  parts.store.add(space);
  co_return json_reply(201, space_view(space, false));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const space = find_space(parts, call.parameters.at("spaceId"));
  if (!space) co_return space.error();
  co_return json_reply(200, space_view(*space, call.query.one("include") == "environment"));
}

constexpr std::array kRows{
    Operation{{"spaces.list", "GET", "/v1/spaces"}, list},
    Operation{{"spaces.create", "POST", "/v1/spaces"}, create},
    Operation{{"spaces.get", "GET", "/v1/spaces/{spaceId}"}, get},
};

}  // namespace

std::span<Operation const> space_operations() {
  return kRows;
}

}  // namespace bridge::local
