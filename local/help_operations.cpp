#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"

// Everything said here is read from the contract: one topic for each operation.

namespace bridge::local {
namespace {

constexpr std::size_t kValuesMax = 40;

struct Described {
  std::string path;
  std::string method;  ///< upper case
  Json const* operation;
};

std::vector<Described> operations_of(Contract const& contract) {
  std::vector<Described> all;
  for (auto const& [path, methods] : contract.document().at("paths").items())
    for (auto const& [method, operation] : methods.items())
      if (operation.contains("operationId"))
        all.push_back({path, boost::algorithm::to_upper_copy(method), &operation});
  return all;
}

std::string topic_of(Described const& one) {
  return one.operation->at("operationId");
}

// "Create runtimes" for runtimes.create.
std::string summary_of(Described const& one) {
  if (one.operation->contains("summary")) return one.operation->at("summary");
  return fmt::format("{} {}", one.method, one.path);
}

bool is_about(Described const& one, std::string_view topic) {
  return topic_of(one) == topic || fmt::format("{} {}", one.method, one.path) == topic ||
         one.path == topic;
}

std::string type_of(Contract const& contract, Json const& given) {
  auto const& schema = contract.target(given);
  if (schema.contains("const") || schema.contains("enum")) return "enum";
  if (auto const type = schema.find("type"); type != schema.end()) {
    if (type->is_string() && *type == "array" && schema.contains("items"))
      return type_of(contract, schema.at("items")) + "[]";
    return type->is_string()
               ? type->get<std::string>()
               : fmt::format("{}", fmt::join(type->get<std::vector<std::string>>(), " | "));
  }
  return schema.contains("anyOf") || schema.contains("oneOf") ? "one of several" : "any";
}

Json field_of(Contract const& contract, std::string const& name, Json const& given, bool required) {
  auto const& schema = contract.target(given);
  Json field{{"name", name}, {"type", type_of(contract, schema)}, {"required", required}};
  auto const& items = schema.contains("items") ? contract.target(schema.at("items")) : schema;
  auto values = Json::array();
  for (auto const& value : items.value("enum", Json::array()))
    if (value.is_string() && values.size() < kValuesMax) values.push_back(value);
  if (items.contains("const") && items.at("const").is_string()) values.push_back(items.at("const"));
  if (!values.empty()) field["values"] = std::move(values);
  if (schema.contains("description")) field["description"] = schema.at("description");
  return field;
}

Json fields_of(Contract const& contract, Json const& given) {
  auto const& schema = contract.target(given);
  auto const required = schema.value("required", std::vector<std::string>());
  auto fields = Json::array();
  auto const properties = schema.find("properties");
  if (properties == schema.end()) return fields;
  for (auto const& [name, member] : properties->items()) {
    bool const needed = std::find(required.begin(), required.end(), name) != required.end();
    fields.push_back(field_of(contract, name, member, needed));
  }
  return fields;
}

Json body_of(Contract const& contract, Json const& schema) {
  auto const& whole = contract.target(schema);
  Json body{{"fields", fields_of(contract, whole)}};
  auto const told = whole.find("discriminator");
  if (told == whole.end()) return body;
  auto variants = Json::array();
  for (auto const& [value, reference] : told->at("mapping").items()) {
    auto const& form = contract.resolve(reference.get_ref<std::string const&>());
    variants.push_back(Json{{"value", value}, {"required", form.value("required", Json::array())}});
  }
  body["discriminator"] = Json{{"property", told->at("propertyName")}, {"variants", variants}};
  return body;
}

Json inputs_of(Contract const& contract, Json const& operation) {
  auto inputs = Json::object();
  if (auto const parameters = operation.find("parameters"); parameters != operation.end())
    for (auto const& given : *parameters) {
      auto const& parameter = contract.target(given);
      auto const place = parameter.at("in") == "header" ? std::string("headers")
                                                        : parameter.at("in").get<std::string>();
      inputs[place].push_back(field_of(contract, parameter.at("name"), parameter.at("schema"),
                                       parameter.value("required", false)));
    }
  if (auto const body = operation.find("requestBody"); body != operation.end())
    inputs["body"] = body_of(contract, body->at("content").begin()->at("schema"));
  return inputs;
}

// The fields of the first success.
Json output_of(Contract const& contract, Json const& operation) {
  for (auto const& [status, given] : operation.at("responses").items()) {
    auto const& response = contract.target(given);
    auto const content = response.find("content");
    if (!status.starts_with('2') || content == response.end()) continue;
    return Json{{"fields", fields_of(contract, content->begin()->at("schema"))}};
  }
  return Json{{"fields", Json::array()}};
}

Json names_of(Json const& fields) {
  auto names = Json::array();
  for (auto const& field : fields) names.push_back(field.at("name"));
  return names;
}

Json overview(Contract const& contract) {
  auto topics = Json::array();
  for (auto const& one : operations_of(contract))
    topics.push_back(Json{{"topic", topic_of(one)},
                          {"title", topic_of(one)},
                          {"summary", summary_of(one)},
                          {"audiences", Json::array({"api", "sdk", "cli"})},
                          {"operationId", topic_of(one)},
                          {"method", one.method},
                          {"path", one.path}});
  return Json{{"type", "overview"},
              {"summary", "The local backend serves BCTRL's API over Chromium on this machine."},
              {"topics", topics}};
}

Json topic(Contract const& contract, Described const& one, std::string const& host) {
  auto const output = output_of(contract, *one.operation);
  auto const inputs = inputs_of(contract, *one.operation);
  Json api{{"method", one.method}, {"path", one.path}, {"operationId", topic_of(one)}};
  if (inputs.contains("body")) api["requestFields"] = names_of(inputs.at("body").at("fields"));
  api["responseFields"] = names_of(output.at("fields"));
  auto const command =
      fmt::format("curl -X {} http://{}{} -H \"Authorization: Bearer $BCTRL_API_KEY\"", one.method,
                  host, one.path);
  Json const example{{"title", "curl"}, {"audience", "api"}, {"command", command}};
  return Json{{"type", "topic"},
              {"topic", topic_of(one)},
              {"title", topic_of(one)},
              {"summary", summary_of(one)},
              {"api", api},
              {"inputs", inputs},
              {"output", output},
              {"examples", Json::array({example})}};
}

awaitable<Outcome<net::HttpReply>> help(Parts& parts, Call const& call) {
  auto const asked = call.query.one("topic");
  auto const audience = call.query.one("audience");
  Json view;
  if (!asked) view = overview(parts.contract);
  for (auto const& one : operations_of(parts.contract))
    if (view.is_null() && is_about(one, *asked))
      view = topic(parts.contract, one, std::string(call.request.header("host")));
  if (view.is_null()) {
    auto problem = Problem::not_found("help", *asked);
    problem.hint = "GET /v1/help without a topic lists them.";
    co_return problem;
  }
  if (audience) view["audience"] = *audience;
  co_return json_reply(200, view);
}

constexpr std::array kRows{Operation{{"help", "GET", "/v1/help"}, help}};

}  // namespace

std::span<Operation const> help_operations() {
  return kRows;
}

}  // namespace bridge::local
