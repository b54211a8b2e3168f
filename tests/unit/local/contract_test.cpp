#include "local/contract.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

/// "field: message" of what the body of `operation` is refused for; "" when it is not.
std::string refusal(std::string_view operation, std::string_view body) {
  static Contract const contract;
  auto const* const described = contract.find(operation);
  REQUIRE(described != nullptr);
  auto const problem = contract.check_body(*described, Json::parse(body));
  if (!problem) return "";
  CHECK(problem->status == 400);
  CHECK(problem->code == "request.invalid");
  auto const field = Json::parse(problem->details).at("field").get<std::string>();
  return field + ": " + problem->message;
}

std::string query_refusal(std::string_view operation, std::string_view query) {
  static Contract const contract;
  auto const* const described = contract.find(operation);
  REQUIRE(described != nullptr);
  auto const problem = contract.check_query(*described, Query(query));
  return problem ? problem->message : "";
}

}  // namespace

TEST_CASE("contract: a body is held against its schema, and the first fault has a name") {
  CHECK(refusal("runtimes.create", R"({})") == "");
  CHECK(refusal("runtimes.create", R"({"what":"nobody knows","name":"n"})") == "");
  CHECK(refusal("runtimes.create", R"({"name":7})") == "name: name must be a string.");
  CHECK(refusal("runtimes.create", R"({"name":""})") ==
        "name: name must have 1 to 120 characters.");
  CHECK(refusal("runtimes.create", R"({"type":"phone"})") == R"(type: type must be "browser".)");
  CHECK(refusal("runtimes.create", R"({"config":[]})") == "config: config must be an object.");
  CHECK(refusal("runtimes.create", R"({"config":{"stealth":"much"}})") ==
        R"(config.stealth: config.stealth must be one of "normal", "best", "experimental".)");
  CHECK(refusal("runtimes.create", R"({"config":{"extensionIds":["a",1]}})") ==
        "config.extensionIds[1]: config.extensionIds[1] must be a string.");
  CHECK(refusal("runtimes.create", R"({"config":{"fingerprint":{"viewport":{"width":1}}}})") ==
        "config.fingerprint.viewport.height: config.fingerprint.viewport.height is missing.");
  CHECK(refusal("runtimes.create", R"({"config":{"idleTimeoutSeconds":1.5}})") ==
        "config.idleTimeoutSeconds: config.idleTimeoutSeconds must be a whole number.");
  CHECK(refusal("api-keys.create", R"([])") == "body: The body must be an object.");
}

TEST_CASE("contract: of several forms the one that was meant names the fault") {
  CHECK(refusal("runtimes.create", R"({"config":{"proxy":null}})") == "");
  CHECK(refusal("runtimes.create", R"({"config":{"proxy":"http://p:1"}})") == "");
  CHECK(refusal("runtimes.create", R"({"config":{"proxy":1}})") ==
        "config.proxy: config.proxy must be a string or an object.");
  CHECK(refusal("runtimes.invocations.create", R"({})") == "action: action is missing.");
  CHECK(refusal("runtimes.invocations.create", R"({"action":"dance"})")
            .starts_with(R"(action: action must be one of "act", )"));
  CHECK(refusal("runtimes.invocations.create", R"({"action":"observe"})") ==
        "instruction: instruction is missing.");
  CHECK(refusal("vault.secrets.upsert", R"({"type":"value"})") == "value: value is missing.");
}

TEST_CASE("contract: text without a limit of its own has one all the same") {
  auto const body = Json{{"message", std::string(SchemaCheck::kTextMax + 1, 'x')}}.dump();
  CHECK(refusal("runtimes.human-actions.create", body) ==
        "message: message is too long: at most 262144 bytes.");
}

TEST_CASE("contract: query parameters are read as what they should be") {
  CHECK(query_refusal("runtimes.list", "status=active,stopped&status=failed&limit=x") == "");
  CHECK(query_refusal("runtimes.list", "status=active,running") ==
        R"(status must be one of "active", "stopped", "failed".)");
  CHECK(query_refusal("notification-recipients.list", "enabled=true") == "");
  CHECK(query_refusal("notification-recipients.list", "enabled=1") ==
        "enabled must be true or false.");
}

}  // namespace bridge::local
