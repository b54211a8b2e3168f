#include "local/tools.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "backend_fixture.hpp"
#include "temporary_directory.hpp"
#include "tests/fakes/http_script.hpp"

namespace bridge::local {
namespace {

using test::Api;
using test::HttpScript;
using test::json;
using test::with_script;

std::string webhook(HttpScript const& hook, std::string const& more = "",
                    std::string const& name = "echo") {
  return R"({"type":"webhook","name":")" + name + R"(","url":")" + hook.url("/hook?a=b") + "\"" +
         more + "}";
}

std::string names_of(json const& list) {
  std::string out;
  for (auto const& one : list.at("data")) out += one.at("name").get<std::string>() + " ";
  return out;
}

std::string id_of(json const& thing) {
  return thing.at("id").get<std::string>();
}

}  // namespace

TEST_CASE("tools: webhooks and hosted tools are kept, shown, changed and removed") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    auto body = webhook(hook, R"(,"authSecretId":"work/hook","timeoutSeconds":5)");
    auto const made = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    CHECK(test::violation_of("WebhookTool", made) == "");
    CHECK(made.at("status") == "enabled");
    CHECK(made.at("inputSchema") == json::parse(R"({"type":"object"})"));
    auto const one = "/v1/tools/" + id_of(made);
    auto const got = co_await api.get("WebhookTool", "GET", one);
    CHECK(got == made);
    auto const changed = co_await api.get(
        "WebhookTool", "PATCH", one,
        R"({"name":"other","description":"d","authSecretId":null,"metadata":{"a":1},"status":"disabled"})");
    CHECK(changed.at("name") == "other");
    CHECK_FALSE(changed.contains("authSecretId"));
    CHECK(changed.at("metadata").at("a") == 1);
    auto const hosted = co_await api.get(
        "HostedTool", "POST", "/v1/tools",
        R"({"type":"hosted","name":"code","source":"return 1","env":{"KEY":"env-secret"}})", 201);
    CHECK(hosted.dump().find("env-secret") == std::string::npos);
    CHECK(hosted.dump().find("return 1") == std::string::npos);
    auto const all = co_await api.get("ToolListResponse", "GET", "/v1/tools");
    CHECK(names_of(all) == "code other files vault captcha human_action ");
    co_await api.get("ToolDeleteResponse", "DELETE", one);
    for (auto const* const method : {"GET", "DELETE"}) {
      auto const none = co_await api.send(method, one);
      CHECK(none.status == 404);
      CHECK(none.code() == "tool.not_found");
    }
  });
}

TEST_CASE("tools: built-in ones are shown, and stay as they are") {
  with_script([](Api& api, HttpScript&) -> awaitable<void> {
    auto const all =
        co_await api.get("ToolListResponse", "GET", "/v1/tools?spaceId=default&limit=1");
    auto const& tool = all.at("data").at(0);
    CHECK(test::violation_of("BuiltinTool", tool) == "");
    CHECK(tool.at("spaceId").is_null());
    auto const one = "/v1/tools/" + id_of(tool);
    auto const changed = co_await api.send("PATCH", one, R"({"name":"x"})");
    CHECK(changed.status == 403);
    auto const removed = co_await api.send("DELETE", one);
    CHECK(removed.status == 403);
    auto const tried = co_await api.get("ToolTestResponse", "POST", one + "/test");
    CHECK(tried.at("ok") == false);
    CHECK(tried.at("errorDetail").at("code") == "tool.not_callable");
  });
}

TEST_CASE("tools: names are unique in a space, and what makes no tool is refused by its name") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    std::string const all = "/v1/tools";
    auto const body = webhook(hook);
    auto const made = co_await api.get("Tool", "POST", all, body, 201);
    auto refused = co_await api.send("POST", all, body);
    CHECK(refused.status == 409);
    CHECK(refused.code() == "tool.name_conflict");
    auto const space = co_await api.get("Space", "POST", "/v1/spaces", R"({"name":"s"})", 201);
    auto elsewhere = webhook(hook, R"(,"spaceId":")" + id_of(space) + "\"");
    co_await api.get("Tool", "POST", all, elsewhere, 201);
    auto other = webhook(hook, "", "other");
    auto const second = co_await api.get("Tool", "POST", all, other, 201);
    refused = co_await api.send("PATCH", all + "/" + id_of(second), R"({"name":"echo"})");
    CHECK(refused.code() == "tool.name_conflict");
    auto bad = webhook(hook, R"(,"timeoutSeconds":0)", "n");
    refused = co_await api.send("POST", all, bad);
    CHECK(refused.field() == "timeoutSeconds");
    bad = webhook(hook, R"(,"authSecretId":"../x")", "n");
    refused = co_await api.send("POST", all, bad);
    CHECK(refused.field() == "authSecretId");
    bad = webhook(hook, "", "");
    refused = co_await api.send("POST", all, bad);
    CHECK(refused.field() == "name");
    refused = co_await api.send("POST", all, R"({"type":"webhook","name":"n","url":"ftp://h/"})");
    CHECK(refused.field() == "url");
    refused =
        co_await api.send("POST", all, R"({"type":"webhook","name":"n","url":"http://a:b@h/"})");
    CHECK(refused.field() == "url");
    refused = co_await api.send("POST", all, R"({"type":"mcp","name":"n"})");
    CHECK(refused.field() == "type");
    bad = webhook(hook, R"(,"spaceId":"00000000-0000-4000-8000-000000000000")", "n");
    refused = co_await api.send("POST", all, bad);
    CHECK(refused.code() == "space.not_found");
  });
}

TEST_CASE("tools: a webhook is called for real, and its call is written down without secrets") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/work%2Fhook",
                     R"({"type":"value","value":"bearer-of-the-hook"})");
    co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/other",
                     R"({"type":"value","value":"another secret"})");
    auto body = webhook(hook, R"(,"authSecretId":"work/hook")");
    auto const made = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    hook.json(200, R"({"answer":42,"echo":"another secret","auth":"bearer-of-the-hook"})");
    auto const test = "/v1/tools/" + id_of(made) + "/test";
    auto const good = co_await api.get(
        "ToolTestResponse", "POST", test,
        R"({"input":{"word":"hello","note":"it is another secret","password":"p"}})");
    CHECK(good.at("ok") == true);
    CHECK(good.at("output").at("answer") == 42);
    CHECK(good.at("output").at("auth") == "[redacted]");
    REQUIRE(hook.seen().size() == 1);
    auto const& seen = hook.seen().front();
    CHECK(seen.line() == "POST /hook?a=b HTTP/1.1");
    CHECK(seen.has("Authorization: Bearer bearer-of-the-hook\r\n"));
    CHECK(seen.has("Content-Type: application/json\r\n"));
    CHECK(json::parse(seen.body).at("word") == "hello");
    auto const calls =
        co_await api.get("ToolCallListResponse", "GET", "/v1/tool-calls?toolId=" + id_of(made));
    REQUIRE(calls.at("data").size() == 1);
    auto const& call = calls.at("data").at(0);
    CHECK(call.at("status") == "succeeded");
    CHECK(call.at("actor") == "test");
    CHECK(call.at("tool").at("executionType") == "webhook");
    CHECK(call.at("redactedInput") ==
          json::parse(R"({"word":"hello","note":"it is [redacted]","password":"[redacted]"})"));
    CHECK(call.at("redactedOutput") ==
          json::parse(R"({"answer":42,"echo":"[redacted]","auth":"[redacted]"})"));
    CHECK(call.at("error").is_null());
    auto const one = co_await api.get("ToolCall", "GET", "/v1/tool-calls/" + id_of(call));
    CHECK(one == call);
    auto const none = co_await api.send("GET", "/v1/tool-calls/nope");
    CHECK(none.status == 404);
    CHECK(none.code() == "tool_call.not_found");
  });
}

TEST_CASE("tools: a webhook that fails says how") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    auto body = webhook(hook, R"(,"timeoutSeconds":60)");
    auto const made = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    auto const one = "/v1/tools/" + id_of(made);
    auto const test = one + "/test";
    auto const failed = [&](std::string code) -> awaitable<std::string> {
      auto const got = co_await api.get("ToolTestResponse", "POST", test);
      CHECK(got.at("ok") == false);
      CHECK(got.at("errorDetail").at("code") == code);
      co_return got.at("error").get<std::string>();
    };
    hook.json(500, R"({"why":"broken"})");
    auto said = co_await failed("tool.webhook_failed");
    CHECK(said == "The webhook answered 500 Internal Server Error.");
    hook.json(302, "{}", "Location: /elsewhere\r\n");
    said = co_await failed("tool.webhook_failed");
    CHECK(said == "The webhook answered 302 Found, and redirects are not followed.");
    CHECK(hook.seen().size() == 2);
    hook.hang();
    co_await api.get("Tool", "PATCH", one, R"({"timeoutSeconds":1})");
    said = co_await failed("tool.timed_out");
    co_await api.get("Tool", "PATCH", one, R"({"timeoutSeconds":60})");
    CHECK(said == "The webhook did not answer within 1 s.");
    hook.json(200, std::string((1 << 20) + 1, ' '));
    co_await failed("tool.webhook_failed");
    hook.raw_then_close();
    co_await failed("tool.webhook_failed");
    auto const calls =
        co_await api.get("ToolCallListResponse", "GET", "/v1/tool-calls?status=failed");
    CHECK(calls.at("data").size() == 5);
    CHECK(calls.at("data").at(4).at("error").at("details").at("body").at("why") == "broken");
    co_await api.get("Tool", "PATCH", "/v1/tools/" + id_of(made), R"({"authSecretId":"none"})");
    said = co_await failed("vault.secrets.not_found");
    CHECK(said.find("\"none\"") != std::string::npos);
  });
}

TEST_CASE("tools: what a webhook answers need not be JSON, and a call need not be written down") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    auto body = webhook(hook);
    auto const made = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    auto const test = "/v1/tools/" + id_of(made) + "/test";
    std::string const silent = R"({"record":false})";
    hook.raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
    auto got = co_await api.get("ToolTestResponse", "POST", test, silent);
    CHECK(got.at("output") == "plain");
    hook.raw("HTTP/1.1 204 No Content\r\n\r\n");
    got = co_await api.get("ToolTestResponse", "POST", test, silent);
    CHECK(got.at("ok") == true);
    CHECK(got.at("output").is_null());
    std::string const deep(100'000, '[');
    hook.json(200, deep);
    got = co_await api.get("ToolTestResponse", "POST", test, silent);
    CHECK(got.at("output") == deep);
    auto const calls = co_await api.get("ToolCallListResponse", "GET", "/v1/tool-calls");
    CHECK(calls.at("data").empty());
    auto const hosted = co_await api.get("HostedTool", "POST", "/v1/tools",
                                         R"({"type":"hosted","name":"h","source":"s"})", 201);
    got = co_await api.get("ToolTestResponse", "POST", "/v1/tools/" + id_of(hosted) + "/test");
    CHECK(got.at("ok") == false);
    CHECK(got.at("errorDetail").at("code") == "local.unsupported");
    auto const filtered = co_await api.get(
        "ToolCallListResponse", "GET", "/v1/tool-calls?actor=test&status=failed&spaceId=default");
    CHECK(filtered.at("data").size() == 1);
    auto const agents =
        co_await api.get("ToolCallListResponse", "GET", "/v1/tool-calls?actor=agent");
    CHECK(agents.at("data").empty());
  });
}

TEST_CASE("toolsets: sets of tools that are there, with unique names") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    std::string const all = "/v1/toolsets";
    auto body = webhook(hook);
    auto const tool = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    auto const with_tool =
        R"({"name":"set","builtins":["files"],"toolIds":[")" + id_of(tool) + "\"]}";
    auto const made = co_await api.get("Toolset", "POST", all, with_tool, 201);
    auto const one = all + "/" + id_of(made);
    auto const got = co_await api.get("Toolset", "GET", one);
    CHECK(got == made);
    auto refused = co_await api.send("POST", all, with_tool);
    CHECK(refused.status == 409);
    CHECK(refused.code() == "toolset.name_conflict");
    auto const unknown = R"(["00000000-0000-4000-8000-000000000000"])";
    refused = co_await api.send("PATCH", one, std::string(R"({"toolIds":)") + unknown + "}");
    CHECK(refused.status == 400);
    CHECK(refused.field() == "toolIds[0]");
    auto const space = co_await api.get("Space", "POST", "/v1/spaces", R"({"name":"s"})", 201);
    auto const foreign =
        R"({"name":"f","spaceId":")" + id_of(space) + R"(","toolIds":[")" + id_of(tool) + "\"]}";
    refused = co_await api.send("POST", all, foreign);
    CHECK(refused.field() == "toolIds[0]");
    auto const changed = co_await api.get("Toolset", "PATCH", one,
                                          R"({"name":"renamed","builtins":["vault","captcha"]})");
    CHECK(changed.at("builtins").size() == 2);
    CHECK(changed.at("toolIds").size() == 1);
    // A tool that goes leaves its sets.
    co_await api.get("ToolDeleteResponse", "DELETE", "/v1/tools/" + id_of(tool));
    auto const left = co_await api.get("ToolsetListResponse", "GET", all + "?spaceId=default");
    CHECK(left.at("data").at(0).at("toolIds").empty());
    co_await api.get("ToolsetDeleteResponse", "DELETE", one);
    auto const none = co_await api.send("GET", one);
    CHECK(none.code() == "toolset.not_found");
  });
}

TEST_CASE(
    "tools: a call is written down without the secrets of its owner, and tells of no others") {
  test::TemporaryDirectory const directory;
  BackendOptions options;
  options.state = directory.path();
  std::string sub;
  test::with_fake(options, [&](test::Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    for (std::string const key : {"damaged", "ours"})
      co_await api.get("VaultSecret", "PUT", "/v1/vault/secrets/" + key,
                       R"({"type":"value","value":"the secret called )" + key + "\"}");
    auto const made =
        co_await api.get("Subaccount", "POST", "/v1/subaccounts", R"({"name":"s"})", 201);
    sub = id_of(made);
  });
  {
    auto const store = Store::open(directory.path()).value();
    Documents secrets(store->database(), "vault_secret");
    auto damaged = *secrets.named("", "damaged");
    damaged.body = secrets.named("", "ours")->body;
    REQUIRE(secrets.update(damaged));
  }
  test::with_fake(options, [&](test::Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    HttpScript hook(scene.loop);
    auto const output = [&]() -> awaitable<json> {
      hook.json(200, R"({"word":"the secret called ours"})");
      auto body = webhook(hook);
      auto const made = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
      auto const one = "/v1/tools/" + id_of(made) + "/test";
      auto const tried = co_await api.get("ToolTestResponse", "POST", one);
      CHECK(tried.at("ok") == true);
      auto const calls = co_await api.get("ToolCallListResponse", "GET", "/v1/tool-calls");
      co_return calls.at("data").at(0).at("redactedOutput").at("word");
    };
    log::Capture const log;
    CHECK(co_await output() == "[redacted]");
    CHECK(log.contains("secret \"damaged\" of the vault cannot be read"));
    api.headers.emplace_back("BCTRL-Subaccount-Id", sub);
    CHECK(co_await output() == "the secret called ours");
    co_await hook.stop();
  });
}

TEST_CASE("tools: a subaccount sees those of its own spaces") {
  with_script([](Api& api, HttpScript& hook) -> awaitable<void> {
    auto body = webhook(hook);
    auto const ours = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    auto const sub =
        co_await api.get("Subaccount", "POST", "/v1/subaccounts", R"({"name":"s"})", 201);
    api.headers.emplace_back("BCTRL-Subaccount-Id", id_of(sub));
    auto const hidden = co_await api.send("GET", "/v1/tools/" + id_of(ours));
    CHECK(hidden.status == 404);
    auto const all = co_await api.get("ToolListResponse", "GET", "/v1/tools");
    CHECK(names_of(all) == "files vault captcha human_action ");
  });
}

TEST_CASE("tools: a space takes its own along, with their sets and calls") {
  test::TemporaryDirectory const directory;
  BackendOptions options;
  options.state = directory.path();
  std::string space;
  auto const kept = [&] {
    auto const store = Store::open(directory.path()).value();
    DocumentFilter inside;
    inside.scope = space;
    std::string counts;
    for (auto const* const kind : {"tool", "toolset", "tool_call"})
      counts += std::to_string(Documents(store->database(), kind).all(inside).size()) + " ";
    return counts;
  };
  test::with_fake(options, [&](test::Scene& scene) -> awaitable<void> {
    auto& api = scene.api;
    HttpScript hook(scene.loop);
    hook.json(200, "{}");
    auto const made = co_await api.get("Space", "POST", "/v1/spaces", R"({"name":"s"})", 201);
    space = id_of(made);
    auto const in_space = R"(,"spaceId":")" + space + "\"";
    auto body = webhook(hook, in_space);
    auto const tool = co_await api.get("Tool", "POST", "/v1/tools", body, 201);
    co_await api.get("Toolset", "POST", "/v1/toolsets", R"({"name":"t")" + in_space + "}", 201);
    co_await api.get("ToolTestResponse", "POST", "/v1/tools/" + id_of(tool) + "/test");
    co_await hook.stop();
  });
  CHECK(kept() == "1 1 1 ");
  test::with_fake(options, [&](test::Scene& scene) -> awaitable<void> {
    co_await scene.api.get("SpaceDeleteResponse", "DELETE", "/v1/spaces/" + space);
  });
  CHECK(kept() == "0 0 0 ");
}

}  // namespace bridge::local
