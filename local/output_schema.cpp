#include "local/output_schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "local/schema.hpp"

namespace bridge::local {
namespace {

constexpr int kDepthMax = 64;
// Parts that are named twice are walked twice, and so are theirs: a short text can mean billions.
constexpr int kWalkMax = 10'000;
constexpr std::size_t kVisitsMax = 1'000'000;

Json const* target_of(Json const& whole, std::string const& reference) {
  if (!reference.starts_with('#')) return nullptr;
  Json::json_pointer const pointer(reference.substr(1));
  return whole.contains(pointer) ? &whole.at(pointer) : nullptr;
}

bool is_text_list(Json const& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](Json const& one) { return one.is_string(); });
}

// Walks a schema as a check does that meets every kind of value.
class Walk {
 public:
  explicit Walk(Json const& whole) : whole_(whole) {}

  std::optional<std::string> at(Json const& schema, int depth) {
    if (!schema.is_object()) return "a schema must be an object";
    if (depth > kDepthMax) return "it is nested too deeply";
    if (++visits_ > kWalkMax) return "it is too large";
    // A loop that consumes nothing of the value would never end.
    if (std::find(open_.begin(), open_.end(), &schema) != open_.end())
      return "a $ref leads back to itself";
    if (auto wrong = members(schema)) return wrong;
    open_.push_back(&schema);
    auto wrong = same_value(schema, depth);
    open_.pop_back();
    if (wrong || std::find(done_.begin(), done_.end(), &schema) != done_.end()) return wrong;
    done_.push_back(&schema);
    auto outer = std::move(open_);
    open_.clear();
    wrong = inner_values(schema, depth);
    open_ = std::move(outer);
    return wrong;
  }

 private:
  static std::optional<std::string> members(Json const& schema) {
    auto const has = [&](char const* name, auto holds) {
      auto const member = schema.find(name);
      return member == schema.end() || holds(*member);
    };
    auto const number = [](Json const& value) { return value.is_number(); };
    auto const count = [](Json const& value) { return value.is_number_unsigned(); };
    auto const text = [](Json const& value) { return value.is_string(); };
    auto const list = [](Json const& value) { return value.is_array(); };
    bool const fine =
        has("type", [&](Json const& value) { return value.is_string() || is_text_list(value); }) &&
        has("required", is_text_list) && has("enum", list) && has("minimum", number) &&
        has("maximum", number) && has("minLength", count) && has("maxLength", count) &&
        has("format", text) && has("pattern", text) && has("$ref", text) &&
        !schema.contains("discriminator") &&
        has("properties", [](Json const& value) { return value.is_object(); });
    return fine ? std::nullopt
                : std::optional<std::string>("a keyword has a value of a wrong type");
  }

  std::optional<std::string> same_value(Json const& schema, int depth) {
    if (auto const reference = schema.find("$ref"); reference != schema.end()) {
      auto const* const target = target_of(whole_, reference->get_ref<std::string const&>());
      if (target == nullptr) return "a $ref leads nowhere";
      if (auto wrong = at(*target, depth + 1)) return wrong;
    }
    for (auto const name : {"allOf", "anyOf", "oneOf"}) {
      auto const parts = schema.find(name);
      if (parts == schema.end()) continue;
      if (!parts->is_array()) return "a keyword has a value of a wrong type";
      for (auto const& part : *parts)
        if (auto wrong = at(part, depth + 1)) return wrong;
    }
    return std::nullopt;
  }

  std::optional<std::string> inner_values(Json const& schema, int depth) {
    for (auto const name : {"items", "additionalProperties"})
      if (auto const inner = schema.find(name); inner != schema.end() && inner->is_object())
        if (auto wrong = at(*inner, depth + 1)) return wrong;
    if (auto const items = schema.find("items"); items != schema.end() && !items->is_object())
      return "items must be a schema";
    if (auto const properties = schema.find("properties"); properties != schema.end())
      for (auto const& property : *properties)
        if (auto wrong = at(property, depth + 1)) return wrong;
    return std::nullopt;
  }

  Json const& whole_;
  std::vector<Json const*> open_;  // those that stand for the same value
  std::vector<Json const*> done_;
  int visits_ = 0;
};

}  // namespace

std::optional<std::string> problem_of_schema(Json const& schema) {
  try {
    return Walk(schema).at(schema, 0);
  } catch (Json::exception const&) {  // a $ref that is no pointer
    return "a $ref leads nowhere";
  }
}

std::optional<std::string> mismatch_of(Json const& value, Json const& schema) {
  SchemaLimits limits;
  limits.patterns = false;
  limits.visits = kVisitsMax;
  SchemaCheck const check(
      [&schema](std::string const& reference) -> Json const& {
        return *target_of(schema, reference);
      },
      limits);
  if (auto wrong = check.check(value, schema)) return std::move(wrong->message);
  return std::nullopt;
}

}  // namespace bridge::local
