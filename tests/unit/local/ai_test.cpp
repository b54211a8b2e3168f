#include "local/ai.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "backend_fixture.hpp"
#include "tests/fakes/http_script.hpp"

namespace bridge::local {
namespace {

using test::Api;
using test::HttpScript;
using test::json;
using test::with_script;

std::string custom(HttpScript const& provider, std::string const& more = "") {
  return R"({"provider":"custom","name":"mine","apiKey":"sk-secret-of-ours","defaultModel":"tiny",
    "baseUrl":")" +
         provider.url("/v1/") + "\"" + more + "}";
}

std::string ids_of(json const& list) {
  std::string out;
  for (auto const& one : list.at("data")) out += one.at("id").get<std::string>() + " ";
  return out;
}

constexpr auto kModels = R"({"object":"list","data":[{"id":"tiny"},{"id":"mistral/small"}]})";

/// Credentials without a backend, for who chooses among them.
struct Bench {
  Bench() : store(Store::open(std::nullopt).value()) {
    seal = Seal::open(store->database(), std::nullopt).value();
    ai = std::make_unique<Ai>(store->database(), *seal, outside);
  }
  void add(std::string id, std::string body, std::string scope = "") {
    auto parsed = Json::parse(body);
    if (!parsed.contains("status")) parsed["status"] = "enabled";
    parsed["sealed"] = ai->seal_key(id, "key of " + id);
    Document made;
    made.id = std::move(id);
    made.scope = std::move(scope);
    made.body = parsed.dump();
    made.created_at = made.updated_at = now();
    REQUIRE(ai->credentials().add(made));
  }
  /// "base key model", or the refusal's reason.
  std::string choice(std::string wanted, std::string environment = "{}", std::string owner = "") {
    auto const mounts = Json::parse(environment);
    auto const selection = Ai::selection_of(mounts, Json::parse(wanted), "stagehand");
    auto const got = ai->resolve_model(owner, mounts, selection);
    if (!got) return got.error().code + " " + got.error().details;
    return got->endpoint.base + " " + got->endpoint.key.reveal() + " " + got->model;
  }

  net::Loop loop;
  Outside outside{loop};
  std::unique_ptr<Store> store;
  std::unique_ptr<Seal> seal;
  std::unique_ptr<Ai> ai;
};

std::string const kNoModel = R"(invocation.dispatch_unavailable {"reason":"no_model"})";

}  // namespace

TEST_CASE("ai: a credential is kept, shown without its key, changed and removed") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    auto body = custom(provider);
    auto const made = co_await api.get("AiCredential", "POST", "/v1/ai/credentials", body, 201);
    CHECK(made.at("hasApiKey") == true);
    CHECK(made.at("status") == "enabled");
    CHECK(made.at("baseUrl") == provider.url("/v1"));
    CHECK(made.dump().find("sk-secret") == std::string::npos);
    CHECK(provider.seen().empty());  // nobody asked for a test
    auto const one = "/v1/ai/credentials/" + made.at("id").get<std::string>();
    auto const got = co_await api.get("AiCredential", "GET", one);
    CHECK(got == made);
    auto const changed = co_await api.get(
        "AiCredential", "PATCH", one,
        R"({"name":"other","apiKey":null,"defaultModel":null,"status":"disabled"})");
    CHECK(changed.at("hasApiKey") == false);
    CHECK(changed.at("name") == "other");
    CHECK_FALSE(changed.contains("defaultModel"));
    auto const all = co_await api.get("AiCredentialListResponse", "GET", "/v1/ai/credentials");
    CHECK(all.at("data").size() == 1);
    auto const enabled =
        co_await api.get("AiCredentialListResponse", "GET", "/v1/ai/credentials?status=enabled");
    CHECK(enabled.at("data").empty());
    auto const named =
        co_await api.get("AiCredentialListResponse", "GET", "/v1/ai/credentials?name=OTH");
    CHECK(named.at("data").size() == 1);
    co_await api.get("AiCredentialDeleteResponse", "DELETE", one);
    for (auto const* const method : {"GET", "DELETE"}) {
      auto const none = co_await api.send(method, one);
      CHECK(none.status == 404);
      CHECK(none.code() == "ai_credential.not_found");
    }
  });
}

TEST_CASE("ai: a key does not go to another address than the one that it was given for") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    auto body = custom(provider);
    auto const made = co_await api.get("AiCredential", "POST", "/v1/ai/credentials", body, 201);
    auto const one = "/v1/ai/credentials/" + made.at("id").get<std::string>();
    auto const has_key = [&](std::string patch) -> awaitable<bool> {
      auto const changed = co_await api.get("AiCredential", "PATCH", one, std::move(patch));
      co_return changed.at("hasApiKey").get<bool>();
    };
    auto same = R"({"baseUrl":")" + provider.url("/v1") + R"(","name":"n"})";
    CHECK(co_await has_key(std::move(same)));
    CHECK(co_await has_key(R"({"baseUrl":"http://127.0.0.1:9/v1","apiKey":"another"})"));
    CHECK_FALSE(co_await has_key(R"({"baseUrl":"http://127.0.0.1:8/v1"})"));
  });
}

TEST_CASE("ai: what makes no credential is refused by its name") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    std::string const all = "/v1/ai/credentials";
    auto refused = co_await api.send("POST", all, R"({"provider":"custom"})");
    CHECK(refused.status == 400);
    CHECK(refused.field() == "baseUrl");
    refused = co_await api.send("POST", all, R"({"provider":"azure","apiKey":"k"})");
    CHECK(refused.field() == "baseUrl");
    refused = co_await api.send("POST", all, R"({"provider":"openai","baseUrl":"ftp://x.test"})");
    CHECK(refused.field() == "baseUrl");
    refused = co_await api.send("POST", all, R"({"provider":"openai","apiKey":"a b"})");
    CHECK(refused.field() == "apiKey");
    refused = co_await api.send("POST", all, R"({"provider":"openai","apiKey":"a\r\nX: y"})");
    CHECK(refused.field() == "apiKey");
    for (std::string const field : {"name", "defaultModel"})
      for (std::size_t const length : {0U, 201U}) {
        auto body =
            R"({"provider":"openai",")" + field + R"(":")" + std::string(length, 'x') + "\"}";
        refused = co_await api.send("POST", all, std::move(body));
        CHECK(refused.field() == field);
      }
    auto body = custom(provider);
    auto const made = co_await api.get("AiCredential", "POST", all, body, 201);
    refused = co_await api.send("PATCH", all + "/" + made.at("id").get<std::string>(),
                                R"({"baseUrl":null})");
    CHECK(refused.field() == "baseUrl");
  });
}

TEST_CASE("ai: a test asks the provider, and says what it said") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    auto body = custom(provider);
    auto const made = co_await api.get("AiCredential", "POST", "/v1/ai/credentials", body, 201);
    auto const test = "/v1/ai/credentials/" + made.at("id").get<std::string>() + "/test";
    provider.json(200, kModels);
    auto const good = co_await api.get("AiCredentialTestResponse", "POST", test);
    CHECK(good.at("ok") == true);
    CHECK(good.at("latencySeconds").get<double>() > 0);
    REQUIRE(provider.seen().size() == 1);
    CHECK(provider.seen().front().line() == "GET /v1/models HTTP/1.1");
    CHECK(provider.seen().front().has("Authorization: Bearer sk-secret-of-ours\r\n"));
    provider.json(401, R"({"error":{"message":"no such key sk-secret-of-ours"}})");
    auto const bad = co_await api.get("AiCredentialTestResponse", "POST", test);
    CHECK(bad.at("ok") == false);
    CHECK(bad.at("error") == "the provider answered 401 Unauthorized: no such key ***");
    co_await api.get("AiCredential", "PATCH",
                     "/v1/ai/credentials/" + made.at("id").get<std::string>(),
                     R"({"baseUrl":"http://127.0.0.1:9/v1"})");
    auto const gone = co_await api.get("AiCredentialTestResponse", "POST", test);
    CHECK(gone.at("ok") == false);
    CHECK(gone.at("error").get<std::string>().find("refused") != std::string::npos);
  });
}

TEST_CASE("ai: a credential that is to be tested first is kept only when it is good") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    std::string const all = "/v1/ai/credentials";
    auto body = custom(provider, R"(,"test":true)");
    provider.json(401, R"({"error":{"message":"wrong"}})");
    auto const refused = co_await api.send("POST", all, body);
    CHECK(refused.status == 400);
    CHECK(refused.field() == "apiKey");
    CHECK(refused.body.at("error").get<std::string>().find("wrong") != std::string::npos);
    auto const none = co_await api.get("AiCredentialListResponse", "GET", all);
    CHECK(none.at("data").empty());
    provider.json(200, kModels);
    auto const made = co_await api.get("AiCredential", "POST", all, body, 201);
    CHECK(made.at("hasApiKey") == true);
    auto const deaf = co_await api.send(
        "POST", all, R"({"provider":"custom","baseUrl":"http://127.0.0.1:9/v1","test":true})");
    CHECK(deaf.status == 400);
    CHECK(deaf.field() == "baseUrl");
  });
}

TEST_CASE("ai: models are those that the credentials open, asked for once in a while") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    std::string const models = "/v1/ai/models";
    auto list = co_await api.get("AiModelListResponse", "GET", models);
    CHECK(list.at("data").empty());
    auto body = custom(provider);
    auto const made = co_await api.get("AiCredential", "POST", "/v1/ai/credentials", body, 201);
    co_await api.get("AiCredential", "POST", "/v1/ai/credentials",
                     R"({"provider":"custom","baseUrl":"http://127.0.0.1:9/v1"})", 201);
    provider.json(200, kModels);
    list = co_await api.get("AiModelListResponse", "GET", models);
    CHECK(ids_of(list) == "tiny mistral/small ");
    list = co_await api.get("AiModelListResponse", "GET", models + "?provider=mistral");
    CHECK(ids_of(list) == "mistral/small ");
    list =
        co_await api.get("AiModelListResponse", "GET", models + "?managed=false&engine=stagehand");
    CHECK(ids_of(list) == "tiny mistral/small ");
    list = co_await api.get("AiModelListResponse", "GET", models + "?managed=true");
    CHECK(list.at("data").empty());
    list = co_await api.get("AiModelListResponse", "GET", models + "?status=recommended");
    CHECK(list.at("data").empty());
    CHECK(provider.seen().size() == 1);
    // Another version of the credential may open others.
    provider.json(200, R"({"data":[{"id":"large"}]})");
    auto const one = "/v1/ai/credentials/" + made.at("id").get<std::string>();
    co_await net::sleep_for(2ms);
    co_await api.get("AiCredential", "PATCH", one, R"({"apiKey":"another"})");
    list = co_await api.get("AiModelListResponse", "GET", models);
    CHECK(ids_of(list) == "large ");
    co_await api.get("AiCredential", "PATCH", one, R"({"status":"disabled"})");
    list = co_await api.get("AiModelListResponse", "GET", models);
    CHECK(list.at("data").empty());
  });
}

TEST_CASE("ai: a subaccount sees its own credentials") {
  with_script([](Api& api, HttpScript& provider) -> awaitable<void> {
    auto body = custom(provider);
    auto const made = co_await api.get("AiCredential", "POST", "/v1/ai/credentials", body, 201);
    auto const sub =
        co_await api.get("Subaccount", "POST", "/v1/subaccounts", R"({"name":"s"})", 201);
    api.headers.emplace_back("BCTRL-Subaccount-Id", sub.at("id").get<std::string>());
    auto const one =
        co_await api.send("GET", "/v1/ai/credentials/" + made.at("id").get<std::string>());
    CHECK(one.status == 404);
    auto const all = co_await api.get("AiCredentialListResponse", "GET", "/v1/ai/credentials");
    CHECK(all.at("data").empty());
    auto const own = co_await api.get("AiCredential", "POST", "/v1/ai/credentials", body, 201);
    CHECK(own.at("subaccountId") == sub.at("id"));
  });
}

TEST_CASE("ai: without a credential, or with managed ones, there is no model") {
  Bench bench;
  CHECK(bench.choice("null") == kNoModel);
  CHECK(bench.choice(R"("gpt")") == kNoModel);
  bench.add("a", R"({"provider":"openai","name":"A"})");
  CHECK(bench.choice("null") == kNoModel);  // no default
  CHECK(bench.choice(R"({"model":"gpt","auth":"managed"})") == kNoModel);
  CHECK(bench.choice(R"({"model":"gpt","auth":{"credential":"b"}})") == kNoModel);
  CHECK(bench.choice(R"("gpt")", R"({"ai":{"credentialIds":[]}})") == kNoModel);
  CHECK(bench.choice(R"("gpt")", "{}", "somebody else") == kNoModel);
  CHECK(bench.choice(R"("gpt")") == "https://api.openai.com/v1 key of a gpt");
}

TEST_CASE("ai: a model is chosen by credential, provider, the name's front, or what is there") {
  Bench bench;
  bench.add("off", R"({"provider":"mistral","name":"Off","status":"disabled","defaultModel":"m"})");
  bench.add("a", R"({"provider":"openai","name":"A"})");
  bench.add("r", R"({"provider":"openrouter","name":"R"})");
  bench.add("c", R"({"provider":"custom","name":"C","baseUrl":"http://h/v1","defaultModel":"d"})");
  std::string const openai = "https://api.openai.com/v1 key of a ";
  std::string const router = "https://openrouter.ai/api/v1 key of r ";
  std::string const own = "http://h/v1 key of c ";
  CHECK(bench.choice("null") == own + "d");
  CHECK(bench.choice(R"({"model":"gpt","auth":{"credential":"a"}})") == openai + "gpt");
  CHECK(bench.choice(R"({"model":"gpt","auth":{"credential":"A"}})") == openai + "gpt");
  CHECK(bench.choice(R"({"model":"m","auth":{"credential":"off"}})") == kNoModel);
  CHECK(bench.choice(R"({"model":"gpt","provider":"openai"})") == openai + "gpt");
  CHECK(bench.choice(R"({"model":"x","provider":"groq"})") == kNoModel);
  CHECK(bench.choice(R"("openai/gpt")") == openai + "gpt");
  CHECK(bench.choice(R"("openrouter/qwen/max")") == router + "qwen/max");
  CHECK(bench.choice(R"({"model":"qwen/max","provider":"openrouter"})") == router + "qwen/max");
  CHECK(bench.choice(R"("qwen/max")", R"({"ai":{"credentialIds":["a","r"]}})") ==
        router + "qwen/max");
  CHECK(bench.choice("null", R"({"ai":{"defaults":{"stagehand":"openai/mini"}}})") ==
        openai + "mini");
  CHECK(bench.choice("null", R"({"ai":{"defaults":{"browserUse":"openai/mini"}}})") == own + "d");
  CHECK(
      bench.choice(
          "null", R"({"ai":{"defaults":{"stagehand":{"model":"z","auth":{"credential":"c"}}}}})") ==
      own + "z");
}

TEST_CASE("ai: a request may bring its own key") {
  Bench bench;
  CHECK(bench.choice(R"({"model":"gpt","provider":"openai","auth":{"apiKey":"mine"}})") ==
        "https://api.openai.com/v1 mine gpt");
  CHECK(bench.choice(R"({"model":"groq/l","auth":{"apiKey":"mine"}})") ==
        "https://api.groq.com/openai/v1 mine l");
  CHECK(
      bench.choice(
          R"({"model":"t","provider":"custom","baseUrl":"http://h/v1/","auth":{"apiKey":"mine"}})") ==
      "http://h/v1 mine t");
  CHECK(bench.choice(R"({"model":"gpt","auth":{"apiKey":"mine"}})") == kNoModel);
  CHECK(bench.choice(R"({"model":"t","baseUrl":"nowhere","auth":{"apiKey":"mine"}})") ==
        R"(request.invalid {"field":"model.baseUrl"})");
}

}  // namespace bridge::local
