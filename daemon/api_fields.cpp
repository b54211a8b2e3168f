#include "daemon/api_fields.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "net/url.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

/// A field taken apart: "a[b][]=1" is {"a", "b", ""} and 1.
struct Parted {
  std::vector<std::string> path;
  Json value;
};

Error bad(ApiField const& field, std::string_view why) {
  return Error::saying(
      Errc::refused, fmt::format("field {}: {}", field.text.substr(0, field.text.find('=')), why));
}

Result<std::vector<std::string>> read_path(ApiField const& field, std::string_view name) {
  std::vector<std::string> path;
  auto const first = name.find('[');
  path.emplace_back(name.substr(0, first));
  constexpr char const* kForm = "write members as name[member] and list items as name[]";
  if (path.front().find(']') != std::string::npos) return bad(field, kForm);
  if (path.front().empty()) return bad(field, "a name is missing before \"=\" or \"[\"");
  auto rest = first == std::string_view::npos ? std::string_view() : name.substr(first);
  while (!rest.empty()) {
    auto const end = rest.find(']');
    if (rest.front() != '[' || end == std::string_view::npos) return bad(field, kForm);
    path.emplace_back(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
  }
  return path;
}

Result<Json> read_typed(ApiField const& field, std::string const& text) {
  if (text.starts_with('@')) {
    std::ifstream file(text.substr(1), std::ios::binary);
    if (!file) return bad(field, fmt::format("cannot read the file {}", text.substr(1)));
    return Json(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  if (text == "true" || text == "false") return Json(text == "true");
  if (text == "null") return Json();
  // What JSON calls a number, and nothing else: "007" and "1_000" are strings.
  auto const number = Json::parse(text, nullptr, false);
  return number.is_number() ? number : Json(text);
}

Result<Parted> part(ApiField const& field) {
  auto const equals = field.text.find('=');
  if (equals == std::string::npos) return bad(field, "write it as name=value");
  auto path = read_path(field, std::string_view(field.text).substr(0, equals));
  if (!path) return path.error();
  auto const text = field.text.substr(equals + 1);
  auto value = field.typed ? read_typed(field, text) : Result<Json>(Json(text));
  if (!value) return value.error();
  return Parted{std::move(*path), std::move(*value)};
}

// Where in `root` the path leads; made on the way.
Result<Json*> descend(Json& root, Parted const& parted, ApiField const& field) {
  auto* at = &root;
  for (auto const& step : parted.path) {
    bool const item = step.empty();
    if (at->is_null()) *at = item ? Json::array() : Json::object();
    if (item != at->is_array() || (!item && !at->is_object()))
      return bad(field, "it is given both as a value and as something with members");
    if (item) {
      at->push_back(Json());
      at = &at->back();
    } else {
      at = &(*at)[step];
    }
  }
  return at;
}

}  // namespace

Result<std::string> fields_to_json(std::vector<ApiField> const& fields) {
  auto root = Json::object();
  for (auto const& field : fields) {
    auto parted = part(field);
    if (!parted) return parted.error();
    auto const at = descend(root, *parted, field);
    if (!at) return at.error();
    if (!(*at)->is_null()) return bad(field, "it is given twice");
    **at = std::move(parted->value);
  }
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> fields_to_query(std::string path, std::vector<ApiField> const& fields) {
  for (auto const& field : fields) {
    auto const parted = part(field);
    if (!parted) return parted.error();
    bool const list = parted->path.size() == 2 && parted->path.back().empty();
    if (parted->path.size() > 1 && !list) return bad(field, "a query has no members of members");
    auto const& value = parted->value;
    auto const text = value.is_string() ? value.get<std::string>() : value.dump();
    path += fmt::format("{}{}={}", path.find('?') == std::string::npos ? '?' : '&',
                        net::percent_encode(parted->path.front()), net::percent_encode(text));
  }
  return path;
}

}  // namespace bridge
