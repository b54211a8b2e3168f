#include <doctest/doctest.h>

#include <algorithm>

#include "backend_fixture.hpp"

// Keys, subaccounts, spaces, recipients, help, device login: what is kept and shown, and for whom.

namespace bridge::local {
namespace {

using test::Api;
using test::json;
using test::with_api;

net::HttpHeaders with_key(std::string const& key) {
  return {{"Authorization", "Bearer " + key}};
}

}  // namespace

TEST_CASE("accounts: a key is shown once, works, counts its use and ends when it is deleted") {
  with_api([](Api& api) -> awaitable<void> {
    auto const made =
        co_await api.get("ApiKeyCreateResponse", "POST", "/v1/api-keys", R"({"name":"ci"})", 201);
    auto const secret = made.at("secret").get<std::string>();
    auto const id = made.at("data").at("id").get<std::string>();
    CHECK(secret.starts_with("local_sk_"));
    CHECK(made.at("data").at("usageCount") == 0);
    auto const listed = co_await api.get("ApiKeyListResponse", "GET", "/v1/api-keys");
    CHECK(listed.dump().find(secret) == std::string::npos);
    auto const everyone = api.headers;
    api.headers = with_key(secret);
    auto const me = co_await api.get("AuthWhoamiResponse", "GET", "/v1/auth/whoami");
    CHECK(me.at("keyId") == id);
    api.headers = everyone;
    auto const used = co_await api.get("ApiKeyListResponse", "GET", "/v1/api-keys");
    CHECK(used.at("data").at(0).at("usageCount") == 1);
    CHECK(used.at("data").at(0).at("lastUsedAt").is_string());
    co_await api.get("ApiKeyDeleteResponse", "DELETE", "/v1/api-keys/" + id);
    auto const again = co_await api.send("DELETE", "/v1/api-keys/" + id);
    CHECK(again.code() == "api_key.not_found");
    api.headers = with_key(secret);
    auto const refused = co_await api.send("GET", "/v1/auth/whoami");
    CHECK(refused.status == 401);
    CHECK(refused.code() == "auth.invalid");
  });
}

TEST_CASE("accounts: a key may not have expired already, and names a subaccount that is there") {
  with_api([](Api& api) -> awaitable<void> {
    auto const past =
        co_await api.send("POST", "/v1/api-keys", R"({"expiresAt":"2020-01-01T00:00:00Z"})");
    CHECK(past.status == 400);
    CHECK(past.field() == "expiresAt");
    auto const odd = co_await api.send("POST", "/v1/api-keys", R"({"expiresAt":"tomorrow"})");
    CHECK(odd.field() == "expiresAt");
    auto const none = co_await api.send("POST", "/v1/api-keys", R"({"subaccountId":"sub_x"})");
    CHECK(none.field() == "subaccountId");
    auto const made = co_await api.get("ApiKeyCreateResponse", "POST", "/v1/api-keys",
                                       R"({"expiresAt":"2099-01-01T02:00:00+02:00"})", 201);
    CHECK(made.at("data").at("expiresAt") == "2099-01-01T00:00:00.000Z");
  });
}

TEST_CASE("accounts: a subaccount sees what is its own, by header and by key") {
  with_api([](Api& api) -> awaitable<void> {
    auto const sub = co_await api.get("Subaccount", "POST", "/v1/subaccounts",
                                      R"({"name":"Ann","externalId":"e1"})", 201);
    auto const id = sub.at("id").get<std::string>();
    auto const conflict =
        co_await api.send("POST", "/v1/subaccounts", R"({"name":"Bob","externalId":"e1"})");
    CHECK(conflict.code() == "subaccount.conflict");
    auto const theirs = co_await api.create();

    auto const organization = api.headers;
    api.headers.emplace_back("BCTRL-Subaccount-Id", id);
    auto const mine = co_await api.create();
    auto const list = co_await api.get("RuntimeListResponse", "GET", "/v1/runtimes");
    REQUIRE(list.at("data").size() == 1);
    CHECK(list.at("data").at(0).at("id") == mine);
    CHECK(list.at("data").at(0).at("spaceId") == sub.at("defaultSpaceId"));
    for (auto const method : {"GET", "DELETE", "PATCH"}) {
      auto const hidden = co_await api.send(method, "/v1/runtimes/" + theirs, "");
      CHECK(hidden.code() == "runtime.not_found");
    }
    auto const spaces = co_await api.get("SpaceListResponse", "GET", "/v1/spaces");
    REQUIRE(spaces.at("data").size() == 1);
    CHECK(spaces.at("data").at(0).at("subaccountId") == id);
    auto const managing = co_await api.send("POST", "/v1/subaccounts", R"({"name":"C"})");
    CHECK(managing.status == 403);

    auto const key = co_await api.get("ApiKeyCreateResponse", "POST", "/v1/api-keys", "{}", 201);
    CHECK(key.at("data").at("type") == "subaccount");
    api.headers = with_key(key.at("secret").get<std::string>());
    auto const me = co_await api.get("AuthWhoamiResponse", "GET", "/v1/auth/whoami");
    CHECK(me.at("subaccountId") == id);
    CHECK(me.at("scope") == "subaccount");
    api.headers.emplace_back("BCTRL-Subaccount-Id", "sub_other");
    auto const other = co_await api.send("GET", "/v1/auth/whoami");
    CHECK(other.code() == "auth.forbidden");

    api.headers = organization;
    auto const all = co_await api.get("RuntimeListResponse", "GET", "/v1/runtimes");
    CHECK(all.at("data").size() == 2);
    co_await api.get("SubaccountArchiveResponse", "POST", "/v1/subaccounts/" + id + "/archive");
    api.headers.emplace_back("BCTRL-Subaccount-Id", id);
    auto const archived = co_await api.send("GET", "/v1/runtimes");
    CHECK(archived.code() == "auth.forbidden");
  });
}

TEST_CASE("accounts: limits of a subaccount hold, and usage says so") {
  with_api([](Api& api) -> awaitable<void> {
    auto const sub = co_await api.get("Subaccount", "POST", "/v1/subaccounts",
                                      R"({"name":"a","limits":{"maxActiveRuns":1}})", 201);
    auto const id = sub.at("id").get<std::string>();
    auto const one = "/v1/subaccounts/" + id;
    CHECK(sub.at("limits").at("maxSpaces").is_null());
    auto const bad = co_await api.send("PATCH", one, R"({"limits":{"maxSpaces":-1}})");
    CHECK(bad.field() == "limits.maxSpaces");
    co_await api.get("Subaccount", "PATCH", one, R"({"limits":{"maxSpaces":1},"name":"b"})");
    auto const organization = api.headers;
    api.headers.emplace_back("BCTRL-Subaccount-Id", id);
    auto const space = co_await api.send("POST", "/v1/spaces", "{}");
    CHECK(space.status == 402);
    auto const first = co_await api.create();
    auto const second = co_await api.create();
    co_await api.start(first);
    auto const refused = co_await api.send("POST", "/v1/runtimes/" + second + "/start");
    CHECK(refused.status == 402);
    CHECK(refused.code() == "browser.concurrent_quota_exceeded");
    co_await api.start(first);  // it runs already
    api.headers = organization;
    auto const got = co_await api.get("Subaccount", "GET", one + "?include=usage");
    CHECK(got.at("name") == "b");
    CHECK(got.at("usage").at("blockedReasons") == json({"activeRunLimit", "spaceLimit"}));
    auto const usage =
        co_await api.get("SubaccountUsageListResponse", "GET", "/v1/subaccounts/usage");
    CHECK(usage.at("data").at(0).at("runs").at("active") == 1);
    auto const found =
        co_await api.get("SubaccountListResponse", "GET", "/v1/subaccounts?query=B&status=active");
    CHECK(found.at("data").size() == 1);
    co_await api.get("AccountUsage", "GET", "/v1/usage");
  });
}

TEST_CASE("spaces: environment is merged, a space goes with what is in it, the default stays") {
  with_api([](Api& api) -> awaitable<void> {
    auto const made = co_await api.get("Space", "POST", "/v1/spaces", R"({"name":"n"})", 201);
    auto const id = made.at("id").get<std::string>();
    auto const one = "/v1/spaces/" + id;
    auto const mounts = one + "/environment";
    auto patched = co_await api.get(
        "EnvironmentMountsOutput", "PATCH", mounts,
        R"({"vault":{"allow":["a"],"allowRawReads":true},"storage":{"namespace":"s"}})");
    patched = co_await api.get("EnvironmentMountsOutput", "PATCH", mounts,
                               R"({"storage":null,"vault":{"deny":["b"]}})");
    CHECK(patched == json::parse(R"({"vault":{"allow":["a"],"allowRawReads":true,"deny":["b"]}})"));
    CHECK(patched == co_await api.get("EnvironmentMountsOutput", "GET", mounts));
    auto const bad = co_await api.send("PATCH", mounts, R"({"storage":{}})");
    CHECK(bad.field() == "storage.namespace");
    auto const renamed = co_await api.get("Space", "PATCH", one, R"({"name":"m"})");
    CHECK(renamed.at("name") == "m");
    auto const runtime = co_await api.create(R"({"spaceId":")" + id + R"("})");
    co_await api.start(runtime);
    auto const busy = co_await api.send("DELETE", one);
    CHECK(busy.code() == "runtime.not_stopped");
    co_await api.stop(runtime);
    co_await api.get("SpaceDeleteResponse", "DELETE", one);
    auto const gone = co_await api.send("GET", "/v1/runtimes/" + runtime);
    CHECK(gone.status == 404);
    auto const kept = co_await api.send("DELETE", "/v1/spaces/default");
    CHECK(kept.status == 409);
  });
}

TEST_CASE("recipients: an address is there once, looks like one, and is switched off") {
  with_api([](Api& api) -> awaitable<void> {
    constexpr auto kAll = "/v1/notification-recipients";
    auto const made = co_await api.get("NotificationRecipient", "POST", kAll,
                                       R"({"type":"email","value":"a@b.example"})", 201);
    auto const twin = co_await api.send("POST", kAll, R"({"type":"email","value":"a@b.example"})");
    CHECK(twin.status == 409);
    for (auto const body : {R"({"type":"email","value":"ab"})", R"({"type":"sms","value":"12"})"}) {
      auto const bad = co_await api.send("POST", kAll, body);
      CHECK(bad.field() == "value");
    }
    auto const one = std::string(kAll) + "/" + made.at("id").get<std::string>();
    co_await api.get("NotificationRecipient", "PATCH", one, R"({"enabled":false,"name":"n"})");
    auto const off = co_await api.get("NotificationRecipientsListResponse", "GET",
                                      std::string(kAll) + "?enabled=false&type=email");
    CHECK(off.at("data").size() == 1);
    co_await api.get("NotificationRecipientDeleteResponse", "DELETE", one);
    auto const none = co_await api.send("PATCH", one, "{}");
    CHECK(none.code() == "notification_recipient.not_found");
  });
}

TEST_CASE("help: every operation of the contract is a topic, and each topic has its shape") {
  with_api([](Api& api) -> awaitable<void> {
    auto const overview = co_await api.get("HelpResponse", "GET", "/v1/help");
    CHECK(overview.at("topics").size() == 108);
    for (auto const& topic : overview.at("topics")) {
      auto const name = topic.at("topic").get<std::string>();
      CAPTURE(name);
      auto const shown = co_await api.get("HelpResponse", "GET", "/v1/help?topic=" + name);
      CHECK(shown.at("api").at("operationId") == name);
    }
    auto const create =
        co_await api.get("HelpResponse", "GET", "/v1/help?topic=runtimes.create&audience=api");
    CHECK(create.at("api").at("requestFields").dump().find("config") != std::string::npos);
    CHECK(create.at("audience") == "api");
    auto const none = co_await api.send("GET", "/v1/help?topic=nothing");
    CHECK(none.code() == "help.not_found");
  });
}

TEST_CASE("device login: a code is good for one key, which ends with its session") {
  with_api([](Api& api) -> awaitable<void> {
    api.headers.clear();
    auto const begun = co_await api.send("POST", "/v1/auth/device", R"({"clientName":"cli"})");
    auto const body = json{{"deviceCode", begun.body.at("deviceCode")}}.dump();
    auto const done = co_await api.send("POST", "/v1/auth/device/token", body);
    CHECK(done.body.at("status") == "complete");
    auto const again = co_await api.send("POST", "/v1/auth/device/token", body);
    CHECK(again.body.at("status") == "expired_token");
    auto const none = co_await api.send("POST", "/v1/auth/device/token", "{}");
    CHECK(none.field() == "deviceCode");
    api.headers = with_key(done.body.at("token").get<std::string>());
    co_await api.get("AuthWhoamiResponse", "GET", "/v1/auth/whoami");
    auto const ended = co_await api.send("DELETE", "/v1/auth/device/session");
    CHECK(ended.body.at("revoked") == true);
    auto const refused = co_await api.send("GET", "/v1/auth/whoami");
    CHECK(refused.status == 401);
  });
}

namespace {

awaitable<void> start_into(Api& api, std::string id, std::vector<unsigned>& statuses) {
  auto const reply = co_await api.send("POST", "/v1/runtimes/" + id + "/start");
  statuses.push_back(reply.status);
}

}  // namespace

TEST_CASE("accounts: runs that are starting count for the limit; one that is may be waited for") {
  with_api([](Api& api) -> awaitable<void> {
    auto const sub = co_await api.get("Subaccount", "POST", "/v1/subaccounts",
                                      R"({"name":"a","limits":{"maxActiveRuns":1}})", 201);
    api.headers.emplace_back("BCTRL-Subaccount-Id", sub.at("id").get<std::string>());
    auto const first = co_await api.create();
    auto const second = co_await api.create();
    std::vector<unsigned> one;
    std::vector<unsigned> same;
    std::vector<unsigned> other;
    co_await (start_into(api, first, one) && start_into(api, first, same) &&
              start_into(api, second, other));
    // Whoever comes first.
    CHECK(same == one);
    CHECK(std::min(one.at(0), other.at(0)) == 200);
    CHECK(std::max(one.at(0), other.at(0)) == 402);
  });
}

}  // namespace bridge::local
