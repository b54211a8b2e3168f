#include "local/proxies.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "backend_fixture.hpp"
#include "tests/fakes/http_script.hpp"

namespace bridge::local {
namespace {

using test::Api;
using test::HttpScript;
using test::json;
using test::Scene;

constexpr auto kTarget = "http://exit.example/ip";

/// Runs `body(Api&, HttpScript&)` beside a scripted proxy: what is asked of a tunnel's far end, it
/// answers itself.
template <class Body>
void with_proxy(Body body) {
  BackendOptions options;
  options.proxy_test_target = kTarget;
  test::with_fake(std::move(options), [&](Scene& scene) -> awaitable<void> {
    HttpScript proxy(scene.loop);
    co_await body(scene.api, proxy);
    co_await proxy.stop();
  });
}

std::string id_of(json const& thing) {
  return thing.at("id").get<std::string>();
}

std::string at_port(HttpScript const& proxy, std::string const& more = "") {
  return R"({"type":"custom","protocol":"http","host":"127.0.0.1","port":)" +
         std::to_string(proxy.port()) + more + "}";
}

std::string with_config(json const& config) {
  return json{{"config", config}}.dump();
}

constexpr auto kTunnel = "HTTP/1.1 200 Connection established\r\n\r\n";

}  // namespace

TEST_CASE("proxies: a custom one is kept, shown without its password, changed and removed") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    std::string const all = "/v1/proxies";
    auto const made = co_await api.get(
        "ProxyCustom", "POST", all,
        R"({"type":"custom","name":"mine","url":"socks5://ada:pw-of-proxy@proxy.example:1081",
            "dnsResolution":"proxy"})",
        201);
    CHECK(made.at("protocol") == "socks5");
    CHECK(made.at("host") == "proxy.example");
    CHECK(made.at("port") == 1081);
    CHECK(made.at("username") == "ada");
    CHECK(made.at("hasPassword") == true);
    CHECK(made.dump().find("pw-of-proxy") == std::string::npos);
    auto const one = all + "/" + id_of(made);
    auto const got = co_await api.get("Proxy", "GET", one);
    CHECK(got == made);
    auto const changed = co_await api.get("ProxyCustom", "PATCH", one,
                                          R"({"name":"other","port":9,"password":null})");
    CHECK(changed.at("name") == "other");
    CHECK(changed.at("port") == 9);
    CHECK(changed.at("hasPassword") == false);
    CHECK(changed.at("username") == "ada");
    auto const listed = co_await api.get("ProxyListResponse", "GET", all);
    CHECK(listed.at("data").at(0) == changed);
    co_await api.get("ProxyCustom", "PATCH", one, R"({"password":"for-the-old-host"})");
    auto const moved =
        co_await api.get("ProxyCustom", "PATCH", one, R"({"url":"http://elsewhere.example:1"})");
    CHECK(moved.at("host") == "elsewhere.example");
    CHECK(moved.at("hasPassword") == false);
    CHECK_FALSE(moved.contains("username"));
    co_await api.get("ProxyDeleteResponse", "DELETE", one);
    for (auto const* const method : {"GET", "DELETE"}) {
      auto const none = co_await api.send(method, one);
      CHECK(none.status == 404);
      CHECK(none.code() == "proxy.not_found");
    }
  });
}

TEST_CASE("proxies: a password does not go to another address than the one that it was given for") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    auto const made = co_await api.get(
        "ProxyCustom", "POST", "/v1/proxies",
        R"({"type":"custom","protocol":"http","host":"h","port":1,"username":"u","password":"p"})",
        201);
    auto const one = "/v1/proxies/" + id_of(made);
    auto const has_password = [&](std::string patch) -> awaitable<bool> {
      auto const changed = co_await api.get("ProxyCustom", "PATCH", one, std::move(patch));
      co_return changed.at("hasPassword").get<bool>();
    };
    CHECK(co_await has_password(R"({"name":"n","host":"h","port":1,"protocol":"http"})"));
    CHECK_FALSE(co_await has_password(R"({"host":"other"})"));
    CHECK(co_await has_password(R"({"host":"third","password":"for the third"})"));
    CHECK_FALSE(co_await has_password(R"({"port":2})"));
    CHECK(co_await has_password(R"({"password":"again"})"));
    CHECK_FALSE(co_await has_password(R"({"protocol":"socks5"})"));
  });
}

TEST_CASE("proxies: an address says it all, or is refused by its name") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    std::string const all = "/v1/proxies";
    auto const shown = [&](std::string more) -> awaitable<std::string> {
      auto body = R"({"type":"custom",)" + more + "}";
      auto const made = co_await api.get("ProxyCustom", "POST", all, std::move(body), 201);
      auto const user = made.value("username", json());
      co_return made.at("protocol").get<std::string>() + " " + made.at("host").get<std::string>() +
          " " + made.at("port").dump() + " " + user.dump() + " " + made.at("name").dump();
    };
    auto text = co_await shown(R"("url":"http://proxy.example")");
    CHECK(text == R"(http proxy.example 80 null "proxy.example:80")");
    text = co_await shown(R"("url":"socks5h://[::1]")");
    CHECK(text == R"(socks5 ::1 1080 null "[::1]:1080")");
    text = co_await shown(R"("url":"http://a%40b:p%3Aw@h:81/","username":"c")");
    CHECK(text == R"(http h 81 "c" "h:81")");
    auto const refused = [&](std::string more) -> awaitable<std::string> {
      auto body = R"({"type":"custom",)" + more + "}";
      auto const got = co_await api.send("POST", all, std::move(body));
      CHECK(got.status == 400);
      CHECK(got.code() == "proxy.invalid");
      co_return got.field();
    };
    for (auto const* const url :
         {"", "proxy.example:1", "ftp://h:1", "http://", "http://h:1/path", "http://h:1/?q",
          "https://h:1", "socks5://", "http://a:p%0d%0aX@h:1"}) {
      CAPTURE(url);
      auto more = R"("url":")" + std::string(url) + "\"";
      auto const field = co_await refused(std::move(more));
      CHECK(field == "url");
    }
    text = co_await refused(R"("name":"n")");
    CHECK(text == "protocol");
    text = co_await refused(R"("protocol":"http","host":"h")");
    CHECK(text == "port");
    text = co_await refused(R"("protocol":"http","host":"h","port":70000)");
    CHECK(text == "port");
    text = co_await refused(R"("protocol":"http","host":"h/x","port":1)");
    CHECK(text == "host");
    text = co_await refused(R"("protocol":"http","host":"a b","port":1)");
    CHECK(text == "host");
    text = co_await refused(R"("protocol":"http","host":"h","port":1,"username":"a:b")");
    CHECK(text == "username");
    text = co_await refused(R"("protocol":"http","host":"h","port":1,"password":"p")");
    CHECK(text == "username");
    text = co_await refused(R"("url":"http://h:1","password":"p\r\nX")");
    CHECK(text == "password");
    auto const none = co_await api.get("ProxyCustom", "POST", all,
                                       R"({"type":"custom","url":"http://h:1"})", 201);
    for (std::string const name : {"rotation", "state"}) {
      auto const managed =
          co_await api.send("PATCH", all + "/" + id_of(none), R"({")" + name + R"(":"sticky"})");
      CHECK(managed.code() == "proxy.invalid");
      CHECK(managed.field() == name);
    }
  });
}

TEST_CASE("proxies: managed ones and their catalogues are the cloud's") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    for (auto const* const body : {R"({"type":"managed-rotating","pool":"pool1"})",
                                   R"({"type":"managed-static","poolId":"p"})"}) {
      auto const refused = co_await api.send("POST", "/v1/proxies", body);
      CHECK(refused.status == 403);
      CHECK(refused.code() == "local.unsupported");
      CHECK(refused.body.at("reasonClass") == "capability_denied");
      CHECK(refused.body.contains("hint"));
    }
    auto empty = co_await api.get("ProxyLocationListResponse", "GET", "/v1/proxies/geo?query=x");
    CHECK(empty.at("data").empty());
    empty = co_await api.get("ProxyLocationListResponse", "GET", "/v1/proxies/locations");
    CHECK(empty.at("data").empty());
    empty = co_await api.get("ProxyPoolListResponse", "GET", "/v1/proxies/pools?available=true");
    CHECK(empty.at("data").empty());
    auto const none = co_await api.send("GET", "/v1/proxies/pools/p1");
    CHECK(none.status == 404);
    CHECK(none.code() == "proxy.pool_not_found");
  });
}

TEST_CASE("proxies: a trial goes through the proxy, with its user, and tells what it saw") {
  with_proxy([](Api& api, HttpScript& proxy) -> awaitable<void> {
    auto body = at_port(proxy, R"(,"username":"ada","password":"pw")");
    auto const made = co_await api.get("ProxyCustom", "POST", "/v1/proxies", body, 201);
    auto const test = "/v1/proxies/" + id_of(made) + "/test";
    proxy.raw(kTunnel).json(200, R"({"ip":"203.0.113.7"})");
    auto got = co_await api.get("ProxyTestResponse", "POST", test);
    CHECK(got.at("ok") == true);
    CHECK(got.at("httpStatus") == 200);
    CHECK(got.at("exitIp") == "203.0.113.7");
    CHECK(got.at("latencySeconds").get<double>() > 0);
    REQUIRE(proxy.seen().size() == 2);
    CHECK(proxy.seen().at(0).line() == "CONNECT exit.example:80 HTTP/1.1");
    CHECK(proxy.seen().at(0).has("Proxy-Authorization: Basic YWRhOnB3\r\n"));
    CHECK(proxy.seen().at(1).line() == "GET /ip HTTP/1.1");
    CHECK(proxy.seen().at(1).has("Host: exit.example\r\n"));
    CHECK_FALSE(proxy.seen().at(1).has("Proxy-Authorization"));
    proxy.raw(kTunnel).json(200, R"({"ip":7})");
    got = co_await api.get("ProxyTestResponse", "POST", test);
    CHECK(got.at("ok") == true);
    CHECK(got.at("exitIp").is_null());
    proxy.raw(kTunnel).json(503, "{}");
    got = co_await api.get("ProxyTestResponse", "POST", test);
    CHECK(got.at("ok") == false);
    CHECK(got.at("httpStatus") == 503);
    CHECK(got.at("error") == "http://exit.example:80 answered 503 Service Unavailable");
    proxy.json(407, "{}");
    got = co_await api.get("ProxyTestResponse", "POST", test);
    CHECK(got.at("ok") == false);
    CHECK(got.at("httpStatus").is_null());
    CHECK(got.at("error").get<std::string>().find("407 Proxy Authentication Required") !=
          std::string::npos);
    co_await api.get("ProxyCustom", "PATCH", "/v1/proxies/" + id_of(made), R"({"port":9})");
    got = co_await api.get("ProxyTestResponse", "POST", test);
    CHECK(got.at("ok") == false);
    CHECK(got.at("error").get<std::string>().find("Connection refused") != std::string::npos);
  });
}

TEST_CASE("proxies: one that a runtime's config names stays") {
  with_proxy([](Api& api, HttpScript& proxy) -> awaitable<void> {
    auto body = at_port(proxy);
    auto const made = co_await api.get("ProxyCustom", "POST", "/v1/proxies", body, 201);
    auto const one = "/v1/proxies/" + id_of(made);
    auto const by_text = co_await api.create(R"({"config":{"proxy":")" + id_of(made) + "\"}}");
    auto refused = co_await api.send("DELETE", one);
    CHECK(refused.status == 409);
    CHECK(refused.code() == "proxy.conflict");
    CHECK(refused.body.at("details").at("runtimeId") == by_text);
    co_await api.get("RuntimeDeleteResponse", "DELETE", "/v1/runtimes/" + by_text);
    co_await api.get("ProxyDeleteResponse", "DELETE", one);
  });
}

TEST_CASE("proxies: a runtime never goes out without the proxy that it was to have") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    auto const id = co_await api.create();
    auto const one = "/v1/runtimes/" + id;
    for (auto const* const config :
         {R"({"config":{"proxy":{"type":"managed-rotating","pool":"pool1"}}})",
          R"({"config":{"proxy":{"id":"p","pool":"pool1"}}})"}) {
      auto made = co_await api.send("POST", "/v1/runtimes", config);
      CHECK(made.status == 403);
      CHECK(made.code() == "local.unsupported");
      made = co_await api.send("PATCH", one, config);
      CHECK(made.code() == "local.unsupported");
    }
    for (auto const* const method : {"POST", "PATCH"}) {
      auto const at = method[1] == 'O' ? std::string("/v1/runtimes") : one;
      auto const refused = co_await api.send(method, at, R"({"config":{"proxy":"nobody"}})");
      CHECK(refused.status == 404);
      CHECK(refused.code() == "proxy.not_found");
    }
  });
}

TEST_CASE("proxies: a runtime's config can be given back as it was shown") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    auto const saved = co_await api.get(
        "ProxyCustom", "POST", "/v1/proxies",
        R"({"type":"custom","name":"mine","url":"http://u:p@proxy.example:1"})", 201);
    auto const id = co_await api.create(R"({"config":{"proxy":")" + id_of(saved) + "\"}}");
    auto const one = "/v1/runtimes/" + id;
    auto const shown = co_await api.get("RuntimeDetail", "GET", one);
    auto const expected = json{{"id", id_of(saved)}, {"name", "mine"}, {"type", "custom"}};
    CHECK(shown.at("config").at("proxy") == expected);
    auto const back = with_config(shown.at("config"));
    auto const patched = co_await api.get("RuntimeDetail", "PATCH", one, back);
    CHECK(patched.at("config") == shown.at("config"));
    auto const copy = co_await api.send("POST", "/v1/runtimes", back);
    CHECK(copy.status == 201);
    CHECK(copy.body.at("config").at("proxy") == expected);
    auto const gone = co_await api.send(
        "PATCH", one, R"({"config":{"proxy":{"id":"nobody","name":"n","type":"custom"}}})");
    CHECK(gone.code() == "proxy.not_found");
  });
}

TEST_CASE("proxies: the password of an inline one stays when it is given back as it was shown") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    for (auto const* const proxy :
         {R"("socks5://u:hunter2@proxy.example:1080")", R"({"url":"http://u:hunter2@h:8080"})",
          R"({"url":"http://h:8080","username":"u","password":"hunter2"})",
          R"({"host":"h","port":1,"protocol":"http","username":"u","password":"hunter2"})"}) {
      CAPTURE(proxy);
      auto const id = co_await api.create(fmt::format(R"({{"config":{{"proxy":{}}}}})", proxy));
      auto const one = "/v1/runtimes/" + id;
      auto const shown = co_await api.get("RuntimeDetail", "GET", one);
      CHECK(shown.at("config").at("proxy").at("hasPassword") == true);
      CHECK(shown.dump().find("hunter2") == std::string::npos);
      auto config = shown.at("config");
      for (int round = 0; round < 2; ++round) {
        auto const patched = co_await api.get("RuntimeDetail", "PATCH", one, with_config(config));
        CHECK(patched.at("config") == shown.at("config"));
      }
      // Not for another address, and not for another runtime; and never without a word.
      config["proxy"]["host"] = "elsewhere.example";
      auto refused = co_await api.send("PATCH", one, with_config(config));
      CHECK(refused.status == 400);
      CHECK(refused.field() == "config.proxy.password");
      refused = co_await api.send("POST", "/v1/runtimes", with_config(shown.at("config")));
      CHECK(refused.field() == "config.proxy.password");
      config["proxy"]["password"] = "another";
      auto patched = co_await api.get("RuntimeDetail", "PATCH", one, with_config(config));
      CHECK(patched.at("config").at("proxy").at("hasPassword") == true);
      config["proxy"].erase("password");
      config["proxy"]["hasPassword"] = false;
      patched = co_await api.get("RuntimeDetail", "PATCH", one, with_config(config));
      CHECK(patched.at("config").at("proxy").at("hasPassword") == false);
    }
  });
}

TEST_CASE("proxies: a type that there is not is refused by its name") {
  with_proxy([](Api& api, HttpScript&) -> awaitable<void> {
    for (auto const* const proxy :
         {R"({"type":"cusstom"})", R"({"type":"cusstom","host":"h"})", R"({"type":7})",
          R"({"type":"cusstom","host":"h","port":1,"protocol":"http"})",
          R"({"type":"cusstom","url":"http://h:1"})", R"({"type":"cusstom","id":"p"})"}) {
      CAPTURE(proxy);
      auto const refused = co_await api.send("POST", "/v1/runtimes",
                                             fmt::format(R"({{"config":{{"proxy":{}}}}})", proxy));
      CHECK(refused.status == 400);
      CHECK(refused.field() == "config.proxy.type");
    }
  });
}

TEST_CASE("proxies: a runtime's start finds a saved one with all that it needs") {
  auto const store = Store::open(std::nullopt).value();
  auto const seal = Seal::open(store->database(), std::nullopt).value();
  net::Loop loop;
  Outside outside(loop);
  Proxies proxies(*store, *seal, outside, kTarget);
  Document made;
  made.id = "p1";
  made.scope = "sub";
  Json body{{"type", "custom"}};
  auto const given =
      Json::parse(R"({"url":"socks5://ada:p%3Aw@h:81","dnsResolution":"local","name":"n"})");
  REQUIRE_FALSE(proxies.merge(made.id, given, body));
  made.body = to_text(body);
  CHECK(made.body.find("p:w") == std::string::npos);
  REQUIRE(proxies.all().add(made));
  auto const found = proxies.find_proxy("p1", std::nullopt);
  REQUIRE(found.has_value());
  CHECK(found->protocol == "socks5");
  CHECK(found->host == "h");
  CHECK(found->port == 81);
  CHECK(found->username == "ada");
  CHECK(found->password.reveal() == "p:w");
  CHECK(found->resolves_here);
  CHECK(found->tunnel().userinfo == "ada:p:w");
  CHECK(found->tunnel().origin() == "socks5://h:81");
  CHECK(proxies.find_proxy("p1", "sub").has_value());
  auto const hidden = proxies.find_proxy("p1", "other");
  REQUIRE_FALSE(hidden.has_value());
  CHECK(hidden.error().code == "proxy.not_found");
  CHECK_FALSE(proxies.find_proxy("p2", std::nullopt).has_value());
}

}  // namespace bridge::local
