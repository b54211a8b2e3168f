#include "local/vault.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "backend_fixture.hpp"
#include "temporary_directory.hpp"

namespace bridge::local {
namespace {

using test::Api;
using test::json;
using test::Scene;
using test::with_api;

std::string keys_of(json const& list) {
  std::string out;
  for (auto const& one : list.at("data")) out += one.at("key").get<std::string>() + " ";
  return out;
}

constexpr auto kLogin = R"({"type":"login","username":"ada","password":"pw-of-ada","label":"Site",
  "totpSecret":"JBSWY3DPEHPK3PXP","notes":"ask bob","origins":["https://example.com"]})";

}  // namespace

TEST_CASE("vault: keys are names with slashes between them") {
  for (auto const* const key : {"a", "work/github", "work/git hub/ü", "...", "a/.b", "a/..b"})
    CHECK_FALSE(check_vault_key(key));
  CHECK_FALSE(check_vault_key(std::string(512, 'k')));
  for (std::string const& key :
       {std::string(), std::string("/"), std::string("/a"), std::string("a/"), std::string("a//b"),
        std::string("."), std::string(".."), std::string("a/../b"), std::string("a/."),
        std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7f"), std::string("a\xff"),
        std::string(513, 'k')}) {
    CAPTURE(key);
    auto const problem = check_vault_key(key);
    REQUIRE(problem);
    CHECK(problem->status == 400);
    CHECK(problem->code == "vault.invalid_key");
  }
}

TEST_CASE("vault: a login shows what it is, and its value only where that is asked for") {
  with_api([](Api& api) -> awaitable<void> {
    auto const made =
        co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/work%2Fsite", kLogin);
    CHECK(made.at("key") == "work/site");
    CHECK(made.at("hasTotp") == true);
    CHECK(made.at("label") == "Site");
    CHECK(made.dump().find("pw-of-ada") == std::string::npos);
    CHECK(made.dump().find("ask bob") == std::string::npos);
    auto const got = co_await api.get("VaultSecret", "GET", "/v1/vault/secrets/work%2Fsite");
    CHECK(got == made);
    auto const listed = co_await api.get("VaultSecretListResponse", "GET", "/v1/vault/secrets");
    CHECK(listed.at("data").at(0) == made);
    auto const raw = co_await api.send("GET", "/v1/vault/secrets/work%2Fsite/value");
    CHECK(test::violation_of("VaultSecretValue", raw.body) == "");
    CHECK(raw.body == json::parse(R"({"key":"work/site","type":"login","username":"ada",
      "password":"pw-of-ada","label":"Site","notes":"ask bob","origins":["https://example.com"]})"));
    CHECK(net::find_header(raw.headers, "cache-control") == "no-store");
    auto const code =
        co_await api.get("VaultTotpResponse", "GET", "/v1/vault/secrets/work%2Fsite/totp");
    CHECK(code.size() == 1);
    auto const gone =
        co_await api.get("VaultSecretDeleteResponse", "DELETE", "/v1/vault/secrets/work%2Fsite");
    CHECK(gone.at("key") == "work/site");
    for (auto const* const tail : {"", "/value", "/totp"}) {
      auto const none =
          co_await api.send("GET", std::string("/v1/vault/secrets/work%2Fsite") + tail);
      CHECK(none.status == 404);
      CHECK(none.code() == "vault.secrets.not_found");
    }
    auto const again = co_await api.send("DELETE", "/v1/vault/secrets/work%2Fsite");
    CHECK(again.status == 404);
  });
}

TEST_CASE("vault: a put replaces the whole secret, a patch what it names") {
  with_api([](Api& api) -> awaitable<void> {
    std::string const one = "/v1/vault/secrets/k";
    auto const login = co_await api.get("VaultSecret", "PUT", one, kLogin);
    auto const patched = co_await api.get(
        "VaultSecret", "PATCH", one,
        R"({"password":"new","label":null,"totpSecret":null,"originPatterns":["*.example.com"]})");
    CHECK(patched.at("hasTotp") == false);
    CHECK_FALSE(patched.contains("label"));
    CHECK(patched.at("origins").at(0) == "https://example.com");
    CHECK(patched.at("createdAt") == login.at("createdAt"));
    auto raw = co_await api.get("VaultSecretValue", "GET", one + "/value");
    CHECK(raw.at("password") == "new");
    CHECK(raw.at("username") == "ada");
    CHECK(raw.at("notes") == "ask bob");
    auto const none = co_await api.send("GET", one + "/totp");
    CHECK(none.code() == "vault.secrets.not_found");
    auto const value =
        co_await api.get("VaultSecret", "PUT", one, R"({"type":"value","value":"v"})");
    CHECK(value.at("type") == "value");
    CHECK_FALSE(value.contains("origins"));
    raw = co_await api.get("VaultSecretValue", "GET", one + "/value");
    CHECK(raw == json::parse(R"({"key":"k","type":"value","value":"v"})"));
    auto const unknown = co_await api.send("PATCH", "/v1/vault/secrets/none", R"({"value":"v"})");
    CHECK(unknown.status == 404);
  });
}

TEST_CASE("vault: what does not belong to a secret is refused by its name") {
  with_api([](Api& api) -> awaitable<void> {
    std::string const one = "/v1/vault/secrets/k";
    auto refused =
        co_await api.send("PUT", "/v1/vault/secrets/..%2Fx", R"({"type":"value","value":"v"})");
    CHECK(refused.status == 400);
    CHECK(refused.code() == "vault.invalid_key");
    refused = co_await api.send("PATCH", "/v1/vault/secrets/a%2F%2Fb", R"({"value":"v"})");
    CHECK(refused.code() == "vault.invalid_key");
    refused = co_await api.send("PUT", one,
                                R"({"type":"login","username":"a","password":"b","value":"c"})");
    CHECK(refused.field() == "value");
    refused = co_await api.send("PUT", one, R"({"type":"value","value":"c","password":"b"})");
    CHECK(refused.field() == "password");
    refused = co_await api.send(
        "PUT", one, R"({"type":"login","username":"a","password":"b","totpSecret":"!"})");
    CHECK(refused.field() == "totpSecret");
    refused = co_await api.send("PUT", one,
                                R"({"type":"login","username":"a","password":"b",
      "totpSecret":"otpauth://totp/a?secret=GEZDGNBV&digits=8"})");
    CHECK(refused.field() == "totpSecret");
    auto const none = co_await api.send("GET", one);
    CHECK(none.status == 404);
    co_await api.get("VaultSecret", "PUT", one, R"({"type":"value","value":"v"})");
    refused = co_await api.send("PATCH", one, R"({"totpSecret":null})");
    CHECK(refused.field() == "totpSecret");
  });
}

TEST_CASE("vault: lists are narrowed by prefix, origin and authenticator key, page by page") {
  with_api([](Api& api) -> awaitable<void> {
    auto const put = [&](std::string key, std::string more) -> awaitable<void> {
      auto const body = R"({"type":"login","username":"u","password":"p")" +
                        (more.empty() ? "" : "," + more) + "}";
      co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/" + key, body);
    };
    co_await put("work%2Fa", R"("origins":["https://Example.com/login"])");
    co_await put("work%2Fb",
                 R"("originPatterns":["https://*.example.com"],"totpSecret":"GEZDGNBV")");
    co_await put("home%2Fc", R"("originPatterns":["*.example.com"])");
    co_await put("worker", "");
    auto const list = [&](std::string query) -> awaitable<std::string> {
      auto target = "/v1/vault/secrets?" + query;
      auto const got = co_await api.get("VaultSecretListResponse", "GET", std::move(target));
      co_return keys_of(got);
    };
    CHECK(co_await list("") == "worker home/c work/b work/a ");
    CHECK(co_await list("prefix=work%2F") == "work/b work/a ");
    CHECK(co_await list("prefix=work") == "worker work/b work/a ");
    CHECK(co_await list("hasTotp=true") == "work/b ");
    CHECK(co_await list("hasTotp=false") == "worker home/c work/a ");
    CHECK(co_await list("origin=https%3A%2F%2Fexample.com") == "work/a ");
    CHECK(co_await list("origin=https%3A%2F%2Fexample.com%3A443%2Fx") == "work/a ");
    CHECK(co_await list("origin=http%3A%2F%2Fexample.com") == "");
    CHECK(co_await list("origin=https%3A%2F%2Flogin.example.com") == "home/c work/b ");
    CHECK(co_await list("origin=https%3A%2F%2Fexample.com.evil.test") == "");
    auto const first =
        co_await api.get("VaultSecretListResponse", "GET", "/v1/vault/secrets?prefix=work&limit=2");
    CHECK(keys_of(first) == "worker work/b ");
    auto next = "prefix=work&limit=2&cursor=" + first.at("nextCursor").get<std::string>();
    CHECK(co_await list(std::move(next)) == "work/a ");
    auto const wrong = co_await api.send("GET", "/v1/vault/secrets?hasTotp=maybe");
    CHECK(wrong.field() == "hasTotp");
  });
}

TEST_CASE("vault: each subaccount has a vault of its own") {
  with_api([](Api& api) -> awaitable<void> {
    auto const made =
        co_await api.get("Subaccount", "POST", "/v1/subaccounts", R"({"name":"s"})", 201);
    auto const ours = api.headers;
    co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/k",
                     R"({"type":"value","value":"ours"})");
    api.headers.emplace_back("BCTRL-Subaccount-Id", made.at("id").get<std::string>());
    auto const none = co_await api.send("GET", "/v1/vault/secrets/k");
    CHECK(none.status == 404);
    co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/k",
                     R"({"type":"value","value":"theirs"})");
    api.headers = ours;
    auto const value = co_await api.get("VaultSecretValue", "GET", "/v1/vault/secrets/k/value");
    CHECK(value.at("value") == "ours");
    auto const listed = co_await api.get("VaultSecretListResponse", "GET", "/v1/vault/secrets");
    CHECK(listed.at("data").size() == 1);
  });
}

TEST_CASE("vault: values outlive the backend, and rows that changed places are not read") {
  test::TemporaryDirectory const directory;
  BackendOptions options;
  options.state = directory.path();
  test::with_fake(options, [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/a",
                     R"({"type":"value","value":"of a"})");
    co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/b",
                     R"({"type":"value","value":"of b"})");
  });
  {
    auto const store = Store::open(directory.path()).value();
    Documents secrets(store->database(), "vault_secret");
    auto a = *secrets.named("", "a");
    a.body = secrets.named("", "b")->body;
    REQUIRE(secrets.update(a));
  }
  test::with_fake(options, [](Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    auto const moved = co_await api.send("GET", "/v1/vault/secrets/a/value");
    CHECK(moved.status == 503);
    CHECK(moved.body.dump().find("of b") == std::string::npos);
    auto const b = co_await api.get("VaultSecretValue", "GET", "/v1/vault/secrets/b/value");
    CHECK(b.at("value") == "of b");
  });
}

}  // namespace bridge::local
