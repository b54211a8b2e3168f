#include <array>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/token.hpp"

// The login of BCTRL's CLI (`bctrl auth login --url ... --wait`). Whoever can reach the local
// backend owns this machine's browsers already, so it approves by itself.

namespace bridge::local {
namespace {

constexpr auto kValidFor = std::chrono::minutes(10);
constexpr std::size_t kCodeBytes = 24;
constexpr std::size_t kPendingMax = 100;

Documents logins(Parts& parts) {
  return {parts.store.database(), "device_login"};
}

// For people to compare; it opens nothing.
std::string user_code() {
  auto const random = random_token(6);
  std::string code;
  for (char const c : random) {
    if (code.size() == 4) code += '-';
    code += static_cast<char>('A' + static_cast<unsigned char>(c) % 26);
  }
  return code;
}

void forget_old(Parts& parts, Timestamp when) {
  auto const all = logins(parts).all();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i >= kPendingMax || all[i].created_at + kValidFor < when) logins(parts).remove(all[i].id);
}

awaitable<Outcome<net::HttpReply>> begin(Parts& parts, Call const& call) {
  forget_old(parts, now());
  Document login;
  login.id = random_token(kCodeBytes);
  login.created_at = login.updated_at = now();
  auto const name = call.body.value("clientName", Json());
  login.body = to_text(Json{{"name", name.is_string() ? name : Json("device login")}});
  [[maybe_unused]] bool const added = logins(parts).add(login);
  auto const page = "http://" + std::string(call.request.header("host")) + "/device";
  co_return json_reply(200, Json{{"deviceCode", login.id},
                                 {"userCode", user_code()},
                                 {"verificationUri", page},
                                 {"verificationUriComplete", page},
                                 {"expiresIn", std::chrono::seconds(kValidFor).count()},
                                 {"interval", 1}});
}

awaitable<Outcome<net::HttpReply>> token(Parts& parts, Call const& call) {
  auto const code = call.body.value("deviceCode", Json());
  if (!code.is_string()) co_return Problem::invalid("deviceCode", "deviceCode is missing.");
  auto const login = logins(parts).find(code.get_ref<std::string const&>());
  if (!login || login->created_at + kValidFor < now())
    co_return json_reply(200, Json{{"status", "expired_token"}});
  logins(parts).remove(login->id);  // a code is good for one key
  auto const made = parts.accounts.make_key(Json::parse(login->body), now());
  co_return json_reply(200, Json{{"status", "complete"}, {"token", made.secret.reveal()}});
}

awaitable<Outcome<net::HttpReply>> end(Parts& parts, Call const& call) {
  bool const revoked = parts.accounts.remove_key(call.caller.key);
  co_return json_reply(200, Json{{"revoked", revoked}});
}

awaitable<Outcome<net::HttpReply>> page(Parts&, Call const&) {
  co_return net::text_reply(200,
                            "This local backend approves logins by itself: go back to your "
                            "terminal.\n");
}

constexpr std::array kRows{
    Operation{{"auth.device.begin", "POST", "/v1/auth/device"}, begin, true},
    Operation{{"auth.device.token", "POST", "/v1/auth/device/token"}, token, true},
    Operation{{"auth.device.end", "DELETE", "/v1/auth/device/session"}, end},
    Operation{{"auth.device.page", "GET", "/device"}, page, true},
};

}  // namespace

std::span<Operation const> device_operations() {
  return kRows;
}

}  // namespace bridge::local
