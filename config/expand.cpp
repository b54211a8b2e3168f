#include "config/expand.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bridge::config {
namespace {

bool is_name(std::string_view text) {
  auto const first = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  auto const later = [&](char c) { return first(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && first(text.front()) && std::all_of(text.begin(), text.end(), later);
}

/// Appends what `inside` of ${inside} stands for.
Objection append_variable(std::string_view inside, Env const& env, std::string& out) {
  auto const mark = inside.find(":-");
  auto const has_default = mark != std::string_view::npos;
  std::string const name(inside.substr(0, mark));
  if (!is_name(name))
    return "a variable is written ${NAME} or ${NAME:-default}, with letters, digits and _";
  char const* value = env ? env(name.c_str()) : nullptr;
  if (has_default && (value == nullptr || *value == '\0')) {
    out += inside.substr(mark + 2);
  } else if (value == nullptr) {
    return fmt::format(
        "the environment variable {0} is not set; set it, or write ${{{0}:-default}}", name);
  } else {
    out += value;
  }
  return std::nullopt;
}

}  // namespace

Objection expand(std::string_view text, Env const& env, std::string& out) {
  std::string done;
  for (;;) {
    auto const dollar = text.find('$');
    done += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      done += '$';
      text.remove_prefix(1);
      continue;
    }
    if (!text.starts_with('{')) return "write ${NAME} for a variable, $$ for a dollar sign";
    auto const end = text.find('}');
    if (end == std::string_view::npos) return "\"${\" has no closing \"}\"";
    if (auto objection = append_variable(text.substr(1, end - 1), env, done)) return objection;
    text.remove_prefix(end + 1);
  }
  out = std::move(done);
  return std::nullopt;
}

}  // namespace bridge::config
