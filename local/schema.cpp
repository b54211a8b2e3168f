#include "local/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <vector>

#include "local/text.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {
namespace {

std::string named(std::string const& field) {
  return field.empty() ? "The body" : field;
}

Mismatch mismatch(std::string const& field, std::string_view must) {
  return {field, fmt::format("{} must be {}.", named(field), must)};
}

bool is_whole(Json const& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  double const number = value.get<double>();
  return std::trunc(number) == number;
}

bool has_type(Json const& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "integer") return is_whole(value);
  return type == "null" && value.is_null();
}

std::string_view type_text(std::string_view type) {
  if (type == "object") return "an object";
  if (type == "array") return "a list";
  if (type == "string") return "a string";
  if (type == "boolean") return "true or false";
  if (type == "number") return "a number";
  if (type == "integer") return "a whole number";
  return "null";
}

std::vector<std::string> types_of(Json const& schema) {
  auto const type = schema.find("type");
  if (type == schema.end()) return {};
  if (type->is_string()) return {type->get<std::string>()};
  return type->get<std::vector<std::string>>();
}

// A sentence's list of what the contract's values are: "normal", "best" or null.
std::string values_text(Json const& values) {
  std::vector<std::string> words;
  for (auto const& value : values) words.push_back(value.dump());
  return words.size() == 1 ? words.front() : fmt::format("one of {}", fmt::join(words, ", "));
}

std::optional<Mismatch> check_number(Json const& value, Json const& schema,
                                     std::string const& field) {
  auto const number = value.get<double>();
  auto const least = schema.find("minimum");
  auto const most = schema.find("maximum");
  if (least != schema.end() && number < least->get<double>())
    return mismatch(field, fmt::format("at least {}", least->dump()));
  if (most != schema.end() && number > most->get<double>())
    return mismatch(field, fmt::format("at most {}", most->dump()));
  // Beyond this a double does not hold every whole number, and int64 is near.
  if (std::abs(number) > 9.0e15) return mismatch(field, "a number of sensible size");
  return std::nullopt;
}

std::string below(std::string const& field, std::string_view name) {
  return field.empty() ? std::string(name) : fmt::format("{}.{}", field, name);
}

}  // namespace

Json const& SchemaCheck::target(Json const& schema) const {
  auto const reference = schema.find("$ref");
  if (reference == schema.end()) return schema;
  return target(resolve_(reference->get_ref<std::string const&>()));
}

std::optional<Mismatch> SchemaCheck::check(Json const& value, Json const& given,
                                           std::string const& field) const {
  if (++visits_ > limits_.visits)
    return Mismatch{field, "The value and its schema are too large to be compared."};
  auto const& schema = target(given);
  if (auto wrong = check_type(value, schema, field)) return wrong;
  if (auto const constant = schema.find("const"); constant != schema.end() && value != *constant)
    return mismatch(field, constant->dump());
  if (auto const known = schema.find("enum"); known != schema.end())
    if (std::find(known->begin(), known->end(), value) == known->end())
      return mismatch(field, values_text(*known));
  std::optional<Mismatch> wrong;
  if (value.is_string()) wrong = check_text(value, schema, field);
  if (value.is_number()) wrong = check_number(value, schema, field);
  if (value.is_object()) wrong = check_object(value, schema, field);
  if (value.is_array() && schema.contains("items"))
    for (std::size_t i = 0; i < value.size() && !wrong; ++i)
      wrong = check(value[i], schema.at("items"), fmt::format("{}[{}]", field, i));
  if (wrong) return wrong;
  if (auto const parts = schema.find("allOf"); parts != schema.end())
    for (auto const& part : *parts)
      if ((wrong = check(value, part, field))) return wrong;
  return check_any(value, schema, field);
}

std::optional<Mismatch> SchemaCheck::check_text(Json const& value, Json const& schema,
                                                std::string const& field) const {
  auto const& text = value.get_ref<std::string const&>();
  auto const length = length_of(text);
  auto const least = schema.value("minLength", std::size_t{0});
  auto const most = schema.value("maxLength", kTextMax);
  bool const bounded = schema.contains("maxLength") || least > 0;
  if (length < least || length > most || text.size() > kTextMax)
    return Mismatch{
        field, bounded ? fmt::format("{} must have {} to {} characters.", named(field), least, most)
                       : fmt::format("{} is too long: at most {} bytes.", named(field), kTextMax)};
  if (auto const pattern = schema.find("pattern"); limits_.patterns && pattern != schema.end())
    if (!std::regex_search(text, std::regex(pattern->get<std::string>())))
      return Mismatch{field, fmt::format("{} has a form that is not allowed here.", named(field))};
  auto const format = schema.value("format", "");
  if (format == "uri" && !is_uri(text)) return mismatch(field, "a URL");
  if (format == "date-time" && !moment_from(text))
    return mismatch(field, "a moment such as 2030-01-31T09:30:00Z");
  return std::nullopt;
}

std::optional<Mismatch> SchemaCheck::check_type(Json const& value, Json const& schema,
                                                std::string const& field) const {
  auto const types = types_of(schema);
  if (types.empty()) return std::nullopt;
  for (auto const& type : types)
    if (has_type(value, type)) return std::nullopt;
  std::vector<std::string_view> words;
  for (auto const& type : types) words.push_back(type_text(type));
  return mismatch(field, fmt::format("{}", fmt::join(words, " or ")));
}

std::optional<Mismatch> SchemaCheck::check_object(Json const& value, Json const& schema,
                                                  std::string const& field) const {
  for (auto const& name : schema.value("required", std::vector<std::string>()))
    if (!value.contains(name))
      return Mismatch{below(field, name), fmt::format("{} is missing.", below(field, name))};
  auto const properties = schema.find("properties");
  auto const others = schema.find("additionalProperties");
  for (auto const& [name, member] : value.items()) {
    std::optional<Mismatch> wrong;
    if (properties != schema.end() && properties->contains(name))
      wrong = check(member, properties->at(name), below(field, name));
    else if (others != schema.end() && others->is_object())
      wrong = check(member, *others, below(field, name));
    if (wrong) return wrong;
  }
  return std::nullopt;
}

// Of several forms the one that was meant names the fault: the one the discriminator says, else the
// one that fitted furthest.
std::optional<Mismatch> SchemaCheck::check_any(Json const& value, Json const& schema,
                                               std::string const& field) const {
  if (auto const told = schema.find("discriminator"); told != schema.end() && value.is_object()) {
    auto const& property = told->at("propertyName").get_ref<std::string const&>();
    auto const& forms = told->at("mapping");
    auto const name = below(field, property);
    if (!value.contains(property)) return Mismatch{name, fmt::format("{} is missing.", name)};
    auto const& kind = value.at(property);
    if (kind.is_string() && forms.contains(kind.get_ref<std::string const&>()))
      return check(value, resolve_(forms.at(kind.get_ref<std::string const&>())), field);
    Json known = Json::array();
    for (auto const& [form, reference] : forms.items()) known.push_back(form);
    return mismatch(name, values_text(known));
  }
  auto forms = schema.find("anyOf");
  if (forms == schema.end()) forms = schema.find("oneOf");
  if (forms == schema.end()) return std::nullopt;
  std::optional<Mismatch> deepest;
  std::vector<std::string> musts;
  for (auto const& form : *forms) {
    auto wrong = check(value, form, field);
    if (!wrong) return std::nullopt;
    for (auto const& type : types_of(target(form))) {
      std::string word(type_text(type));
      if (std::find(musts.begin(), musts.end(), word) == musts.end())
        musts.push_back(std::move(word));
    }
    if (!deepest || wrong->field.size() > deepest->field.size()) deepest = std::move(wrong);
  }
  if (!deepest || deepest->field != field || musts.size() < 2) return deepest;
  return mismatch(field, fmt::format("{}", fmt::join(musts, " or ")));
}

}  // namespace bridge::local
