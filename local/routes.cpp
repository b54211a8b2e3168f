#include "local/routes.hpp"

#include <algorithm>

#include "net/url.hpp"

namespace bridge::local {
namespace {

bool is_placeholder(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::string_view placeholder_name(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

bool matches(std::vector<std::string_view> const& form, std::vector<std::string> const& path) {
  return std::equal(form.begin(), form.end(), path.begin(), path.end(),
                    [](std::string_view segment, std::string const& given) {
                      return is_placeholder(segment) ? !given.empty() : segment == given;
                    });
}

// The first segment in which they differ decides, a literal before a placeholder.
bool more_literal(std::vector<std::string_view> const& left,
                  std::vector<std::string_view> const& right) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    bool const left_open = is_placeholder(left[i]);
    if (left_open != is_placeholder(right[i])) return !left_open;
  }
  return false;
}

}  // namespace

std::string const& PathParameters::at(std::string_view name) const {
  static std::string const none;
  for (auto const& [known, value] : values_)
    if (known == name) return value;
  return none;
}

Routes::Routes(std::span<Route const> routes) {
  templates_.reserve(routes.size());
  for (auto const& route : routes) templates_.push_back({route.method, split_path(route.path)});
}

Routes::Answer Routes::find(std::string_view method, std::string_view path) const {
  std::vector<std::string> given;
  for (auto const segment : split_path(path)) given.push_back(net::percent_decode(segment));

  // Every template of the most literal form that fits, whatever its method.
  std::vector<std::size_t> fitting;
  for (std::size_t i = 0; i < templates_.size(); ++i) {
    auto const& segments = templates_[i].segments;
    if (!matches(segments, given)) continue;
    if (!fitting.empty() && more_literal(segments, templates_[fitting.front()].segments))
      fitting.clear();
    if (fitting.empty() || !more_literal(templates_[fitting.front()].segments, segments))
      fitting.push_back(i);
  }
  if (fitting.empty()) return Unknown{};

  std::string allow;
  for (auto const index : fitting) {
    auto const& form = templates_[index];
    if (form.method != method) {
      if (!allow.empty()) allow += ", ";
      allow += form.method;
      continue;
    }
    Found found{index, {}};
    for (std::size_t i = 0; i < given.size(); ++i)
      if (is_placeholder(form.segments[i]))
        found.parameters.add(placeholder_name(form.segments[i]), std::move(given[i]));
    return found;
  }
  return WrongMethod{std::move(allow)};
}

std::pair<std::string_view, std::string_view> split_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  auto const mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.empty() || path.front() != '/') return segments;
  for (path.remove_prefix(1);;) {
    auto const slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace bridge::local
