#include "local/file_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "net/url.hpp"

namespace bridge::local {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Problem refused(std::string_view field, std::string_view code, std::string_view must) {
  Problem problem(400, std::string(code), fmt::format("{} must {}.", field, must));
  problem.details = to_text(Json{{"field", field}});
  return problem;
}

// What one segment lacks to be one; empty when nothing.
std::string_view fault_of(std::string_view segment) {
  if (segment.empty()) return "have no empty segment, neither at its beginning nor at its end";
  if (segment == "." || segment == "..") return "not have . or .. as a segment";
  if (segment.size() > kNameMax) return "have at most 255 bytes between slashes";
  if (segment.find('\\') != std::string_view::npos) return "not have a backslash";
  if (std::any_of(segment.begin(), segment.end(), is_control)) return "not have control characters";
  return {};
}

}  // namespace

std::optional<Problem> check_path(std::string_view path, std::string_view field,
                                  std::string_view code) {
  if (path.size() > kPathMax) return refused(field, code, "have at most 4096 bytes");
  if (!net::is_utf8(path)) return refused(field, code, "be UTF-8");
  for (auto rest = path;;) {
    auto const slash = rest.find('/');
    auto const fault = fault_of(rest.substr(0, slash));
    if (!fault.empty()) return refused(field, code, fault);
    if (slash == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(slash + 1);
  }
}

std::optional<Problem> check_name(std::string_view name, std::string_view field,
                                  std::string_view code) {
  if (name.find('/') != std::string_view::npos) return refused(field, code, "not have a slash");
  if (name.size() > kNameMax) return refused(field, code, "have at most 255 bytes");
  return check_path(name, field, code);
}

std::string tame_name(std::string_view wanted) {
  std::string name(last_segment(wanted));
  if (!net::is_utf8(name)) return "file";
  std::replace_if(
      name.begin(), name.end(), [](char c) { return is_control(c) || c == '\\'; }, '_');
  if (name.size() > kNameMax) {
    auto end = kNameMax;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
    name.resize(end);
  }
  return name.empty() || name == "." || name == ".." ? "file" : name;
}

std::string_view last_segment(std::string_view path) {
  auto const slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string numbered_path(std::string_view path, int number) {
  auto const name = last_segment(path);
  auto const folder = path.substr(0, path.size() - name.size());
  auto const dot = name.rfind('.');
  auto const stem = dot == 0 ? name : name.substr(0, dot);
  auto const extension = name.substr(stem.size());
  auto const mark = fmt::format(" ({})", number);
  // The number must fit as well.
  auto room = kNameMax - std::min(kNameMax, extension.size() + mark.size());
  room = std::min(room, stem.size());
  while (room > 0 && room < stem.size() && (static_cast<unsigned char>(stem[room]) & 0xc0) == 0x80)
    --room;
  return fmt::format("{}{}{}{}", folder, stem.substr(0, room), mark, extension);
}

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  for (;;) {
    auto const slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace bridge::local
