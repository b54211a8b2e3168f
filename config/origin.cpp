#include "config/origin.hpp"

#include <fmt/format.h>

namespace bridge::config {

Origin Origin::file(std::string path, int line, int column) {
  return {.kind = Kind::file, .name = std::move(path), .line = line, .column = column};
}

Origin Origin::env(std::string variable) {
  return {.kind = Kind::env, .name = std::move(variable)};
}

Origin Origin::flag(std::string flag) {
  return {.kind = Kind::flag, .name = std::move(flag)};
}

std::string Origin::text() const {
  switch (kind) {
    case Kind::built_in:
      return "default";
    case Kind::file:
      return line > 0 ? fmt::format("{}:{}", name, line) : name;
    case Kind::env:
      return "env " + name;
    case Kind::flag:
      return "flag " + name;
  }
  return "";
}

std::string Origin::place() const {
  switch (kind) {
    case Kind::built_in:
      return "";
    case Kind::file:
      return line > 0 ? fmt::format("{}:{}:{}", name, line, column) : name;
    case Kind::env:
      return "environment " + name;
    case Kind::flag:
      return name;
  }
  return "";
}

Origin Origins::of(std::string const& path) const {
  auto const found = by_path_.find(path);
  return found == by_path_.end() ? Origin{} : found->second;
}

Origin Origins::nearest(std::string path) const {
  for (;;) {
    if (has(path)) return of(path);
    auto const cut = path.find_last_of(".[");
    if (cut == std::string::npos) return {};
    path.resize(cut);
  }
}

}  // namespace bridge::config
