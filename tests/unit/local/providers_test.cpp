#include "local/providers.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "schema.hpp"

namespace bridge::local {
namespace {

AiEndpoint endpoint(std::string provider, std::string key) {
  AiEndpoint made;
  made.provider = std::move(provider);
  made.key = Secret(std::move(key));
  return made;
}

std::string refusal(unsigned status, std::string body) {
  net::HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return refusal_text(reply, Secret("the-key-of-ours"));
}

}  // namespace

TEST_CASE("providers: a base is an http address without user, query and trailing slashes") {
  CHECK(read_base("http://127.0.0.1:11434/v1//") == "http://127.0.0.1:11434/v1");
  CHECK(read_base("https://models.example") == "https://models.example");
  for (auto const* const text : {"", "models.example", "ws://models.example",
                                 "ftp://models.example", "http://user:pw@models.example",
                                 "http://models.example/?a=b", "http://models.example/#a"}) {
    CAPTURE(text);
    CHECK_FALSE(read_base(text));
  }
  CHECK(known_base("openai") == "https://api.openai.com/v1");
  CHECK(known_base("custom").empty());
  CHECK(known_base("azure").empty());
}

TEST_CASE("providers: a key goes where the provider looks for it") {
  CHECK(endpoint("openai", "k").authorization() == net::HttpHeaders{{"Authorization", "Bearer k"}});
  CHECK(endpoint("custom", "").authorization().empty());
  CHECK(net::find_header(endpoint("azure", "k").authorization(), "api-key") == "k");
  CHECK(net::find_header(endpoint("anthropic", "k").authorization(), "x-api-key") == "k");
  CHECK(check_path("openai") == "/models");
  CHECK(check_path("openrouter") == "/key");
}

TEST_CASE("providers: an answer that is nested without end is none") {
  std::string const deep(200'000, '[');
  auto const models =
      R"({"data":[{"id":"m","architecture":)" + deep + std::string(200'000, ']') + "}]}";
  CHECK_FALSE(read_models("openrouter", models));
  CHECK(refusal(500, R"({"message":)" + deep + std::string(200'000, ']') + "}") ==
        "the provider answered 500 Internal Server Error");
}

TEST_CASE("providers: lists of models become the contract's, odd ones are left out") {
  auto const models = read_models("openrouter", R"({"data":[
    {"id":"anthropic/claude","name":"Claude","supported_parameters":["tools","reasoning"],
     "architecture":{"input_modalities":["text","image"]}},
    {"id":""},{"id":7},"x",{"name":"no id"},{"id":"plain"}]})");
  REQUIRE(models.has_value());
  REQUIRE(models->size() == 2);
  for (auto const& model : *models) CHECK(test::violation_of("AiModel", model) == "");
  auto const& claude = models->front();
  CHECK(claude.at("displayName") == "Claude");
  CHECK(claude.at("provider") == "openrouter");
  CHECK(claude.at("supportsTools") == true);
  CHECK(claude.at("supportsVision") == true);
  CHECK(claude.at("supportsReasoningEffort") == true);
  CHECK(claude.at("supportsStructuredOutput") == false);
  CHECK(models->back().at("displayName") == "plain");
  CHECK(models->back().at("supportsTools") == false);
  auto const bare = read_models("togetherai", R"([{"id":"a"}])");
  REQUIRE(bare.has_value());
  CHECK(bare->size() == 1);
  for (auto const* const text : {"", "x", "{}", R"({"data":{}})", "7"})
    CHECK_FALSE(read_models("openai", text));
}

TEST_CASE("providers: a custom provider's models are whose their names say, else OpenAI's") {
  auto const models = read_models(
      "custom", R"({"data":[{"id":"tiny"},{"id":"mistral/small"},{"id":"who/knows"}]})");
  REQUIRE(models.has_value());
  CHECK(models->at(0).at("provider") == "openai");
  CHECK(models->at(1).at("provider") == "mistral");
  CHECK(models->at(2).at("provider") == "openai");
  for (auto const& model : *models) CHECK(test::violation_of("AiModel", model) == "");
}

TEST_CASE("providers: a refusal is told in the provider's words, without the key") {
  CHECK(refusal(401, R"({"error":{"message":"Incorrect key: the-key-of-ours."}})") ==
        "the provider answered 401 Unauthorized: Incorrect key: ***.");
  CHECK(refusal(500, R"({"error":"out\nof order"})") ==
        "the provider answered 500 Internal Server Error: out of order");
  CHECK(refusal(404, R"({"message":"nothing"})") == "the provider answered 404 Not Found: nothing");
  CHECK(refusal(404, "<html>") == "the provider answered 404 Not Found");
  CHECK(refusal(404, R"({"error":)" + Json(std::string(5000, 'x')).dump() + "}").size() < 400);
}

}  // namespace bridge::local
