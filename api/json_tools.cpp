#include "api/json_tools.hpp"

#include <nlohmann/json.hpp>

#include "api/json.hpp"

namespace bridge::api {
namespace {

// nlohmann/json writes recursively: a deep body of a hostile server would use up the stack.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

Json parse(std::string_view text) {
  if (is_too_deep(text)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, false);
}

Json const* find(Json const& from, JsonPath path) {
  auto const* at = &from;
  for (auto const* name : path) {
    if (!at->is_object()) return nullptr;
    auto const member = at->find(name);
    if (member == at->end() || member->is_null()) return nullptr;
    at = &*member;
  }
  return at;
}

std::string text_at(Json const& from, JsonPath path) {
  auto const* value = find(from, path);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::string text_of(Json const& from, std::initializer_list<JsonPath> spellings) {
  for (auto const path : spellings)
    if (auto text = text_at(from, path); !text.empty()) return text;
  return {};
}

std::string text(Json const& from, char const* name) {
  return text_at(from, {name});
}

std::optional<double> number(Json const& from, char const* name) {
  auto const* value = find(from, {name});
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

bool flag(Json const& from, char const* name) {
  auto const* value = find(from, {name});
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string dump(Json const& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_text(Json const& from, char const* name) {
  auto const* value = find(from, {name});
  return value == nullptr ? std::string() : dump(*value);
}

bool put_object(Json& into, char const* name, std::string const& text) {
  if (text.empty()) return true;
  auto value = parse(text);
  if (!value.is_object()) return false;
  into[name] = std::move(value);
  return true;
}

bool is_object(Json const& json) {
  return json.is_object();
}

bool each_item(Json const& json, std::function<void(Json const&)> const& take) {
  auto const* items = find(json, {"data"});
  if (items == nullptr || !items->is_array()) return false;
  for (auto const& item : *items)
    if (item.is_object()) take(item);
  return true;
}

ApiError unreadable(char const* what) {
  return client_error("api.error", std::string("the server's answer is not ") + what);
}

}  // namespace bridge::api
