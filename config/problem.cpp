#include "config/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>

namespace bridge::config {
namespace {

// A binary file taken for a configuration has thousands; nobody reads past the first screens.
constexpr std::size_t kMost = 50;

bool same_place(Origin const& a, Origin const& b) {
  return a.kind != Origin::Kind::built_in && a == b;
}

}  // namespace

std::string Problem::text() const {
  auto const place = where.place();
  return place.empty() ? what : place + ": " + what;
}

void Problems::add(Origin where, std::string what) {
  auto const known = std::any_of(list_.begin(), list_.end(), [&](Problem const& problem) {
    return same_place(problem.where, where);
  });
  if (known) return;
  if (list_.size() == kMost) {
    ++left_out_;
    return;
  }
  list_.push_back({.where = std::move(where), .what = std::move(what)});
}

void Problems::sort() {
  auto const key = [](Problem const& p) { return std::tuple(p.where.line, p.where.column); };
  std::stable_sort(list_.begin(), list_.end(),
                   [&](Problem const& a, Problem const& b) { return key(a) < key(b); });
}

std::string Problems::text() const {
  std::string out;
  for (auto const& problem : list_) {
    if (!out.empty()) out += '\n';
    out += problem.text();
  }
  if (left_out_ > 0) out += fmt::format("\nand {} more", left_out_);
  return out;
}

void throw_exception_from_error(Problems const& problems, boost::source_location const&) {
  throw std::runtime_error(problems.text());
}

}  // namespace bridge::config
