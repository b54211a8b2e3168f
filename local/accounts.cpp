#include "local/accounts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/guard.hpp"
#include "local/hash.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kShownCharacters = 4;

Problem unknown_key() {
  return Problem(401, "auth.invalid", "This API key is unknown, deleted or expired.",
                 "Make a new one, or use any other key that starts with local_.");
}

Json body_of(Document const& document) {
  return Json::parse(document.body);
}

}  // namespace

Accounts::Accounts(Store& store)
    : store_(store),
      keys_(store.database(), "api_key"),
      subaccounts_(store.database(), "subaccount") {}

Outcome<Caller> Accounts::identify(net::HttpRequest const& request, Timestamp when) {
  auto const given = read_key(request);
  if (!given) return given.error();
  Caller caller{std::string(kAnyKey), std::nullopt};
  if (given->starts_with(kMadeKey)) {
    // Random enough that a plain hash keeps it.
    auto const key = keys_.named("", sha256_hex(*given));
    if (!key) return unknown_key();
    auto const body = body_of(*key);
    if (body.at("expiresAt").is_string() && body.at("expiresAt") <= rfc3339(when))
      return unknown_key();
    caller.key = key->id;
    if (body.at("subaccountId").is_string()) caller.subaccount = body.at("subaccountId");
    auto& use = uses_[key->id];
    ++use.count;
    use.last = when;
  }
  std::string const asked(request.header("bctrl-subaccount-id"));
  if (!asked.empty()) {
    if (caller.subaccount && *caller.subaccount != asked)
      return Problem(403, "auth.forbidden", "A subaccount's key acts for that subaccount only.");
    caller.subaccount = asked;
  }
  if (!caller.subaccount) return caller;
  auto const subaccount = subaccounts_.find(*caller.subaccount);
  if (!subaccount) return Problem::not_found("subaccount", *caller.subaccount);
  if (body_of(*subaccount).at("status") == "archived")
    return Problem(403, "auth.forbidden", "This subaccount is archived.");
  return caller;
}

Accounts::MadeKey Accounts::make_key(Json const& body, Timestamp when) {
  MadeKey made;
  made.secret = Secret(fmt::format("{}{}", kMadeKey, random_token(kSecretBytes)));
  bool const of_subaccount = body.contains("subaccountId");
  Json const kept{{"name", body.value("name", Json())},
                  {"type", of_subaccount ? "subaccount" : "organization"},
                  {"subaccountId", body.value("subaccountId", Json())},
                  {"keyPrefix", made.secret.reveal().substr(0, kMadeKey.size() + kShownCharacters)},
                  {"expiresAt", body.value("expiresAt", Json())},
                  {"scopes", Json::array({"*"})}};
  made.key.id = "key_" + new_uuid();
  made.key.name = sha256_hex(made.secret.reveal());
  made.key.body = to_text(kept);
  made.key.created_at = made.key.updated_at = when;
  [[maybe_unused]] bool const added = keys_.add(made.key);
  return made;
}

Json Accounts::key_view(Document const& key) const {
  auto view = body_of(key);
  view["id"] = key.id;
  view["createdAt"] = rfc3339(key.created_at);
  view["updatedAt"] = rfc3339(key.updated_at);
  auto const use = uses_.find(key.id);
  view["usageCount"] = use == uses_.end() ? 0 : use->second.count;
  view["lastUsedAt"] = use == uses_.end() ? Json() : Json(rfc3339(use->second.last));
  return view;
}

bool Accounts::remove_key(std::string_view id) {
  if (auto const use = uses_.find(id); use != uses_.end()) uses_.erase(use);
  return keys_.remove(id);
}

SpaceId Accounts::default_space(Caller const& caller) {
  if (!caller.subaccount) return store_.default_space();
  auto const subaccount = subaccounts_.find(*caller.subaccount);
  return SpaceId{subaccount ? body_of(*subaccount).at("defaultSpaceId").get<std::string>() : ""};
}

std::optional<std::int64_t> Accounts::limit_of(std::string_view subaccount,
                                               std::string_view limit) {
  auto const found = subaccounts_.find(subaccount);
  if (!found) return std::nullopt;
  auto const value = body_of(*found).at("limits").at(std::string(limit));
  if (value.is_null()) return std::nullopt;
  return value.get<std::int64_t>();
}

std::optional<Problem> Accounts::check_active_limit(Runtime const& runtime,
                                                    std::vector<SpaceId> const& starting) {
  auto const owner_of = [this](SpaceId const& id) {
    auto const space = store_.space(id);
    return space ? space->subaccount : std::nullopt;
  };
  auto const owner = owner_of(runtime.space);
  if (!owner) return std::nullopt;
  auto const most = limit_of(*owner, "maxActiveRuns");
  if (!most) return std::nullopt;
  auto const soon = std::count_if(starting.begin(), starting.end(),
                                  [&](SpaceId const& one) { return owner_of(one) == owner; });
  if (store_.count_active(*owner) + soon < *most) return std::nullopt;
  return Problem(402, "browser.concurrent_quota_exceeded",
                 fmt::format("The subaccount may have {} active runs.", *most),
                 "Stop one, or raise maxActiveRuns of the subaccount.");
}

std::optional<Problem> Accounts::check_space_limit(Caller const& caller) {
  if (!caller.subaccount) return std::nullopt;
  auto const most = limit_of(*caller.subaccount, "maxSpaces");
  if (!most || store_.count_spaces(*caller.subaccount) < *most) return std::nullopt;
  return Problem(402, "space.quota_exceeded",
                 fmt::format("The subaccount may have {} spaces.", *most),
                 "Delete one, or raise maxSpaces of the subaccount.");
}

}  // namespace bridge::local
