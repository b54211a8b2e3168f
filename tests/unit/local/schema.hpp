#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace bridge::test {

/// The contract's schemas. Tests run in the project's root.
inline nlohmann::json const& contract_schemas() {
  static auto const all = [] {
    std::ifstream file("local/contract/openapi.json");
    return nlohmann::json::parse(file).at("components").at("schemas");
  }();
  return all;
}

/// What of `value` breaks `schema`, "$.data[0].id: not a uuid"; empty when nothing does. Knows the
/// keywords that openapi.json uses.
std::string schema_violation(nlohmann::json const& schema, nlohmann::json const& value,
                             std::string const& at = "$");

/// The same for a schema of the contract by its name.
inline std::string violation_of(std::string const& name, nlohmann::json const& value) {
  return schema_violation(contract_schemas().at(name), value);
}

inline bool has_type(nlohmann::json const& value, std::string const& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == value.type_name();
}

inline bool has_format(std::string const& text, std::string const& format) {
  static std::regex const uuid(
      "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  static std::regex const time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  static std::regex const uri("[a-z]+://.+");
  if (format == "uuid") return std::regex_match(text, uuid);
  if (format == "date-time") return std::regex_match(text, time);
  if (format == "uri") return std::regex_match(text, uri);
  return true;
}

inline std::string schema_violation(nlohmann::json const& schema, nlohmann::json const& value,
                                    std::string const& at) {
  if (schema.contains("$ref")) {
    auto const name = schema.at("$ref").get<std::string>();
    return schema_violation(contract_schemas().at(name.substr(name.rfind('/') + 1)), value, at);
  }
  for (auto const forms : {"anyOf", "oneOf"}) {
    if (!schema.contains(forms)) continue;
    std::string last;
    for (auto const& one : schema.at(forms)) {
      last = schema_violation(one, value, at);
      if (last.empty()) return "";
    }
    return last;
  }
  if (schema.contains("const") && schema.at("const") != value) return at + ": not the constant";
  if (schema.contains("type")) {
    auto types = schema.at("type");
    if (types.is_string()) types = nlohmann::json::array({types});
    bool fits = false;
    for (auto const& type : types) fits = fits || has_type(value, type.get<std::string>());
    if (!fits) return at + ": is a " + value.type_name();
  }
  if (schema.contains("enum") && !value.is_null()) {
    bool known = false;
    for (auto const& one : schema.at("enum")) known = known || one == value;
    if (!known) return at + ": not in the enum";
  }
  if (schema.contains("format") && value.is_string() &&
      !has_format(value.get<std::string>(), schema.at("format").get<std::string>()))
    return at + ": not a " + schema.at("format").get<std::string>();
  if (value.is_object()) {
    for (auto const& name : schema.value("required", nlohmann::json::array()))
      if (!value.contains(name.get<std::string>()))
        return at + ": lacks " + name.get<std::string>();
    auto const properties = schema.value("properties", nlohmann::json::object());
    for (auto const& [name, inner] : properties.items()) {
      if (!value.contains(name)) continue;
      auto found = schema_violation(inner, value.at(name), at + "." + name);
      if (!found.empty()) return found;
    }
  }
  if (value.is_array() && schema.contains("items"))
    for (std::size_t i = 0; i < value.size(); ++i) {
      auto found =
          schema_violation(schema.at("items"), value.at(i), at + "[" + std::to_string(i) + "]");
      if (!found.empty()) return found;
    }
  return "";
}

}  // namespace bridge::test
