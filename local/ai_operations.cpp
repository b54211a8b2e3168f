#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/ai.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/text.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr std::array<char const*, 4> kMembers{"name", "status", "baseUrl", "defaultModel"};
constexpr std::size_t kTextMax = 200;

Json view_of(Document const& credential) {
  auto view = Json::parse(credential.body);
  view["hasApiKey"] = view.erase("sealed") > 0;
  view["id"] = credential.id;
  view["createdAt"] = rfc3339(credential.created_at);
  view["updatedAt"] = rfc3339(credential.updated_at);
  if (!credential.scope.empty()) view["subaccountId"] = credential.scope;
  return view;
}

// It goes into a header as it is.
bool is_key(std::string const& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

std::optional<Problem> check_texts(Json const& given) {
  for (auto const* const name : {"name", "defaultModel"}) {
    auto const member = given.find(name);
    if (member == given.end() || member->is_null()) continue;
    auto const length = length_of(member->get_ref<std::string const&>());
    if (length == 0 || length > kTextMax)
      return Problem::invalid(name, std::string(name) + " must have 1 to 200 characters.");
  }
  return std::nullopt;
}

std::string base_of(Json const& body) {
  auto const provider = body.at("provider").get<std::string>();
  return body.value("baseUrl", std::string(known_base(provider)));
}

/// Takes over what `given` names into `body`: null removes.
std::optional<Problem> merge(Parts& parts, std::string const& id, Json const& given, Json& body) {
  if (auto problem = check_texts(given)) return problem;
  auto const base_before = base_of(body);
  for (auto const* const name : kMembers) {
    auto const member = given.find(name);
    if (member == given.end()) continue;
    body.erase(name);
    if (!member->is_null()) body[name] = *member;
  }
  if (auto const base = body.find("baseUrl"); base != body.end()) {
    auto read = read_base(base->get_ref<std::string const&>());
    if (!read)
      return Problem::invalid("baseUrl",
                              "baseUrl must be an http or https address without user and query.");
    *base = std::move(*read);
  } else if (known_base(body.at("provider").get_ref<std::string const&>()).empty()) {
    return Problem::invalid("baseUrl", "This provider needs a baseUrl.");
  }
  // A key that was for another address does not go to this one.
  if (base_of(body) != base_before) body.erase("sealed");
  auto const key = given.find("apiKey");
  if (key == given.end()) return std::nullopt;
  body.erase("sealed");
  if (key->is_null()) return std::nullopt;
  auto const& text = key->get_ref<std::string const&>();
  if (!is_key(text))
    return Problem::invalid("apiKey", "apiKey must be printable characters without spaces.");
  body["sealed"] = parts.ai.seal_key(id, text);
  return std::nullopt;
}

Outcome<Document> find(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("credentialId");
  auto found = parts.ai.credentials().find(id);
  if (!found || !call.caller.may_see(found->scope)) return Problem::not_found("ai_credential", id);
  return std::move(*found);
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  filter.scope = call.caller.subaccount;
  filter.text = call.query.one("name");
  filter.members.push_back({"provider", call.query.all("provider")});
  filter.members.push_back({"status", call.query.all("status")});
  co_return list_reply(parts.ai.credentials().list(filter, *range), view_of);
}

Problem unverified(Ai::Check const& check) {
  auto problem = Problem::invalid(check.refused ? "apiKey" : "baseUrl",
                                  "The credential was not kept: " + check.error + ".");
  problem.hint = "Leave out test to keep it unverified.";
  return problem;
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  Document made;
  made.id = new_uuid();
  made.scope = call.caller.subaccount.value_or("");
  auto const provider = call.body.at("provider").get<std::string>();
  Json body{{"provider", provider}, {"name", provider}, {"status", "enabled"}};
  if (auto problem = merge(parts, made.id, call.body, body)) co_return std::move(*problem);
  made.body = to_text(body);
  if (call.body.value("test", false)) {
    auto endpoint = parts.ai.endpoint_of(made);
    auto const check = co_await parts.ai.check(std::move(endpoint));
    if (!check.ok) co_return unverified(check);
  }
  made.created_at = made.updated_at = now();
  if (!parts.ai.credentials().add(made)) throw StoreFailure("an id was made twice");
  co_return json_reply(201, view_of(made));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const credential = find(parts, call);
  if (!credential) co_return credential.error();
  co_return json_reply(200, view_of(*credential));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto credential = find(parts, call);
  if (!credential) co_return credential.error();
  auto body = Json::parse(credential->body);
  if (auto problem = merge(parts, credential->id, call.body, body)) co_return std::move(*problem);
  credential->body = to_text(body);
  credential->updated_at = now();
  if (!parts.ai.credentials().update(*credential))
    co_return Problem::not_found("ai_credential", credential->id);
  co_return json_reply(200, view_of(*credential));
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const credential = find(parts, call);
  if (!credential) co_return credential.error();
  parts.ai.credentials().remove(credential->id);
  co_return json_reply(200, Json{{"id", credential->id}, {"deleted", true}});
}

awaitable<Outcome<net::HttpReply>> test(Parts& parts, Call const& call) {
  auto const credential = find(parts, call);
  if (!credential) co_return credential.error();
  auto endpoint = parts.ai.endpoint_of(*credential);
  auto const check = co_await parts.ai.check(std::move(endpoint));
  Json view{{"ok", check.ok}, {"checkedAt", rfc3339(now())}, {"latencySeconds", check.seconds}};
  if (!check.ok) view["error"] = check.error;
  co_return json_reply(200, view);
}

awaitable<Outcome<net::HttpReply>> models(Parts& parts, Call const& call) {
  auto owner = call.caller.subaccount;
  auto const all = co_await parts.ai.models(std::move(owner));
  auto shown = Json::array();
  auto const provider = call.query.one("provider");
  auto const status = call.query.one("status");
  auto const managed = call.query.one("managed");
  for (auto const& model : all) {
    if (provider && model.at("provider") != *provider) continue;
    if (status && model.at("status") != *status) continue;
    if (managed && model.at("managed") != (*managed == "true")) continue;
    shown.push_back(model);  // each is for both engines
  }
  Json view;
  view["data"] = std::move(shown);
  co_return json_reply(200, view);
}

constexpr std::string_view kAll = "/v1/ai/credentials";
constexpr std::string_view kOne = "/v1/ai/credentials/{credentialId}";

constexpr std::array kRows{
    Operation{{"ai.credentials.list", "GET", kAll}, list},
    Operation{{"ai.credentials.create", "POST", kAll}, create},
    Operation{{"ai.credentials.get", "GET", kOne}, get},
    Operation{{"ai.credentials.update", "PATCH", kOne}, update},
    Operation{{"ai.credentials.delete", "DELETE", kOne}, remove},
    Operation{{"ai.credentials.test", "POST", "/v1/ai/credentials/{credentialId}/test"}, test},
    Operation{{"ai.models.list", "GET", "/v1/ai/models"}, models},
};

}  // namespace

std::span<Operation const> ai_operations() {
  return kRows;
}

}  // namespace bridge::local
