#include <array>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/totp.hpp"
#include "local/vault.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

constexpr int kCodeDigits = 6;
constexpr std::array<char const*, 5> kHidden{"username", "password", "totpSecret", "value",
                                             "notes"};
constexpr std::array<char const*, 3> kOfLogin{"username", "password", "totpSecret"};

std::string owner_of(Call const& call) {
  return call.caller.subaccount.value_or("");
}

Problem unknown(std::string_view key) {
  return Problem::not_found("vault.secrets", key);
}

Outcome<Document> find_secret(Parts& parts, Call const& call) {
  auto const& key = call.parameters.at("key");
  auto secret = parts.vault.find(owner_of(call), key);
  if (!secret) return unknown(key);
  return std::move(*secret);
}

// What a login has, a value has not, and the other way round.
std::optional<Problem> check_members(std::string const& type, Json const& body) {
  if (type == "login" && body.contains("value"))
    return Problem::invalid("value", "A login has no value; it has a username and a password.");
  for (auto const* const name : kOfLogin)
    if (type == "value" && body.contains(name))
      return Problem::invalid(name, std::string("A value has no ") + name + "; a login has.");
  auto const totp = body.find("totpSecret");
  if (totp == body.end() || totp->is_null()) return std::nullopt;
  auto const read = read_totp(totp->get_ref<std::string const&>());
  if (!read)
    return Problem::invalid("totpSecret",
                            "totpSecret must be a base32 key or an otpauth://totp/ address.");
  if (read->digits != kCodeDigits)
    return Problem::invalid("totpSecret", "totpSecret must be of codes with 6 digits.");
  return std::nullopt;
}

// Present replaces, null removes, absent keeps.
template <class Names>
void merge(Json const& body, Names const& names, Json& into) {
  for (auto const* const name : names) {
    auto const member = body.find(name);
    if (member == body.end()) continue;
    if (member->is_null())
      into.erase(name);
    else
      into[name] = *member;
  }
}

// Nobody on the way is to keep it.
net::HttpReply secret_reply(Json const& body) {
  auto reply = json_reply(200, body);
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  VaultFilter filter;
  filter.owner = owner_of(call);
  filter.prefix = call.query.one("prefix").value_or("");
  filter.origin = call.query.one("origin");
  if (auto const wanted = call.query.one("hasTotp")) filter.has_totp = *wanted == "true";
  co_return list_reply(parts.vault.list(filter, *range), vault_view);
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const secret = find_secret(parts, call);
  if (!secret) co_return secret.error();
  co_return json_reply(200, vault_view(*secret));
}

awaitable<Outcome<net::HttpReply>> upsert(Parts& parts, Call const& call) {
  auto const& key = call.parameters.at("key");
  if (auto problem = check_vault_key(key)) co_return std::move(*problem);
  auto const type = call.body.at("type").get<std::string>();
  if (auto problem = check_members(type, call.body)) co_return std::move(*problem);
  Json shown{{"type", type}};
  auto hidden = Json::object();
  merge(call.body, kVaultShown, shown);
  merge(call.body, kHidden, hidden);
  auto const secret = parts.vault.put(owner_of(call), key, std::move(shown), hidden);
  co_return json_reply(200, vault_view(secret));
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto const& key = call.parameters.at("key");
  if (auto problem = check_vault_key(key)) co_return std::move(*problem);
  auto const before = find_secret(parts, call);
  if (!before) co_return before.error();
  auto shown = Json::parse(before->body);
  auto const type = shown.at("type").get<std::string>();
  if (auto problem = check_members(type, call.body)) co_return std::move(*problem);
  auto hidden = parts.vault.hidden_of(*before);
  merge(call.body, kVaultShown, shown);
  merge(call.body, kHidden, hidden);
  auto const secret = parts.vault.put(owner_of(call), key, std::move(shown), hidden);
  co_return json_reply(200, vault_view(secret));
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const& key = call.parameters.at("key");
  if (!parts.vault.remove(owner_of(call), key)) co_return unknown(key);
  co_return json_reply(200, Json{{"key", key}, {"deleted", true}});
}

awaitable<Outcome<net::HttpReply>> totp(Parts& parts, Call const& call) {
  auto const secret = find_secret(parts, call);
  if (!secret) co_return secret.error();
  auto const hidden = parts.vault.hidden_of(*secret);
  auto const text = hidden.value("totpSecret", "");
  auto const read = read_totp(text);
  if (!read)
    co_return Problem(404, "vault.secrets.not_found",
                      "This secret has no authenticator key, so there is no code.",
                      "Set totpSecret of it first.");
  co_return secret_reply(Json{{"code", totp_code(*read, now())}});
}

// The caller is whoever holds a key of this backend. Runtimes never come through here.
awaitable<Outcome<net::HttpReply>> value(Parts& parts, Call const& call) {
  auto const secret = find_secret(parts, call);
  if (!secret) co_return secret.error();
  auto const shown = Json::parse(secret->body);
  auto view = parts.vault.hidden_of(*secret);
  view.erase("totpSecret");
  view["key"] = *secret->name;
  view["type"] = shown.at("type");
  merge(shown, kVaultShown, view);
  co_return secret_reply(view);
}

constexpr std::array kRows{
    Operation{{"vault.secrets.list", "GET", "/v1/vault/secrets"}, list},
    Operation{{"vault.secrets.get", "GET", "/v1/vault/secrets/{key}"}, get},
    Operation{{"vault.secrets.upsert", "PUT", "/v1/vault/secrets/{key}"}, upsert},
    Operation{{"vault.secrets.update", "PATCH", "/v1/vault/secrets/{key}"}, update},
    Operation{{"vault.secrets.delete", "DELETE", "/v1/vault/secrets/{key}"}, remove},
    Operation{{"vault.secrets.totp", "GET", "/v1/vault/secrets/{key}/totp"}, totp},
    Operation{{"vault.secrets.value", "GET", "/v1/vault/secrets/{key}/value"}, value},
};

}  // namespace

std::span<Operation const> vault_operations() {
  return kRows;
}

}  // namespace bridge::local
