#include "local/console_text.hpp"

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

constexpr std::size_t kTextMax = 4096;

std::string preview_text(Json const& preview) {
  bool const list = preview.value("subtype", "") == "array";
  std::string text = list ? "[" : "{";
  for (auto const& property : preview.at("properties")) {
    if (text.size() > 1) text += ", ";
    if (!list) text += property.value("name", "") + ": ";
    auto const value = property.value("value", property.value("type", ""));
    text += property.value("type", "") == "string" ? '\'' + value + '\'' : value;
  }
  if (preview.value("overflow", false)) text += ", …";
  return text + (list ? ']' : '}');
}

}  // namespace

std::string cut_text(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  text.resize(most);
  return text + "…";
}

std::string shown_value(Json const& remote) {
  if (auto const value = remote.find("value"); value != remote.end())
    return value->is_string() ? value->get<std::string>() : to_text(*value);
  if (auto const preview = remote.find("preview");
      preview != remote.end() && remote.value("subtype", "") != "error")
    return preview_text(*preview);
  // NaN, -0, 10n; or what a function, an error, a node looks like.
  auto const fallback = remote.value("description", remote.value("type", ""));
  return remote.value("unserializableValue", fallback);
}

std::string console_text(Json const& arguments) {
  std::string text;
  for (auto const& argument : arguments) {
    if (!text.empty()) text += ' ';
    text += shown_value(argument);
    if (text.size() > kTextMax) break;
  }
  return cut_text(std::move(text), kTextMax);
}

std::string_view console_level(std::string_view kind) {
  if (kind == "error" || kind == "assert") return "error";
  if (kind == "warning") return "warning";
  if (kind == "debug") return "debug";
  if (kind == "info") return "info";
  return "log";
}

void put_place(Json& data, Json const& where) {
  Json const* place = &where;
  if (auto const trace = where.find("stackTrace"); trace != where.end())
    if (auto const frames = trace->find("callFrames"); frames != trace->end() && !frames->empty())
      place = &frames->front();
  auto const url = place->value("url", "");
  if (url.empty()) return;
  data["url"] = cut_text(url, kTextMax / 2);
  data["line"] = place->value("lineNumber", 0) + 1;
}

}  // namespace bridge::local
