#include "local/contract.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "base/embed.hpp"

namespace bridge::local {

BRIDGE_EMBED(contract_text, BRIDGE_CONTRACT_JSON)

namespace {

// Read by read_page(), which clamps what is too large.
bool is_paging(std::string_view parameter) {
  return parameter == "limit" || parameter == "cursor";
}

// What a query value would be in JSON; text when it is nothing else.
Json value_of(std::string const& text, Json const& schema) {
  auto const type = schema.value("type", Json());
  if (type == "boolean" && (text == "true" || text == "false")) return text == "true";
  if (type == "integer" || type == "number") {
    std::int64_t number = 0;
    auto const read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return number;
  }
  return text;
}

Problem problem_of(Mismatch wrong) {
  return Problem::invalid(wrong.field.empty() ? "body" : wrong.field, std::move(wrong.message));
}

}  // namespace

Contract::Contract()
    : document_(std::make_unique<Json>(Json::parse(contract_text()))),
      schemas_([this](std::string const& reference) -> Json const& { return resolve(reference); }) {
  for (auto const& [path, methods] : document_->at("paths").items())
    for (auto const& [method, operation] : methods.items())
      if (operation.is_object() && operation.contains("operationId")) take(operation);
}

Contract::~Contract() = default;

void Contract::take(Json const& operation) {
  Operation taken;
  static Json const none = Json::array();
  auto const parameters = operation.find("parameters");
  for (auto const& given : parameters == operation.end() ? none : *parameters) {
    auto const& parameter = target(given);
    auto name = parameter.at("name").get<std::string>();
    auto const& place = parameter.at("in").get_ref<std::string const&>();
    if (place == "query") taken.query.emplace(name, &parameter.at("schema"));
    if (name == "Idempotency-Key") taken.idempotent = true;
  }
  if (auto const body = operation.find("requestBody"); body != operation.end()) {
    auto const& content = body->at("content");
    taken.multipart = content.contains("multipart/form-data");
    if (auto const json = content.find("application/json"); json != content.end())
      taken.body = &json->at("schema");
  }
  operations_.emplace(operation.at("operationId").get<std::string>(), std::move(taken));
}

Json const& Contract::resolve(std::string const& reference) const {
  if (!reference.starts_with("#/")) throw std::logic_error("a reference out of the contract");
  return document_->at(Json::json_pointer(reference.substr(1)));
}

Json const& Contract::target(Json const& given) const {
  auto const reference = given.find("$ref");
  return reference == given.end() ? given : resolve(reference->get_ref<std::string const&>());
}

Contract::Operation const* Contract::find(std::string_view operation) const {
  auto const found = operations_.find(operation);
  return found == operations_.end() ? nullptr : &found->second;
}

std::optional<Problem> Contract::check_query(Operation const& operation, Query const& query) const {
  for (auto const& [name, schema] : operation.query) {
    if (is_paging(name)) continue;
    auto const items = schema->find("items");
    bool const list = items != schema->end();
    std::vector<std::string> values;
    if (list) {
      values = query.all(name);
    } else if (auto value = query.one(name)) {
      values.push_back(std::move(*value));
    }
    auto const& expected = list ? *items : *schema;
    for (auto const& text : values) {
      if (auto wrong = schemas_.check(value_of(text, expected), expected, name))
        return problem_of(std::move(*wrong));
    }
  }
  return std::nullopt;
}

std::optional<Problem> Contract::check_body(Operation const& operation, Json const& body) const {
  if (operation.body == nullptr) return std::nullopt;
  if (auto wrong = schemas_.check(body, *operation.body)) return problem_of(std::move(*wrong));
  return std::nullopt;
}

}  // namespace bridge::local
