#include "local/query.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/number.hpp"
#include "local/token.hpp"
#include "net/url.hpp"

namespace bridge::local {
namespace {

std::string decode(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return net::percent_decode(spaced);
}

template <class Each>
void split(std::string_view text, char at, Each each) {
  for (;;) {
    auto const end = text.find(at);
    each(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Query::Query(std::string_view text) {
  split(text, '&', [this](std::string_view pair) {
    if (pair.empty()) return;
    auto const equals = pair.find('=');
    auto const value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    values_.emplace_back(decode(pair.substr(0, equals)), decode(value));
  });
}

std::optional<std::string> Query::one(std::string_view name) const {
  for (auto const& [known, value] : values_)
    if (known == name && !value.empty()) return value;
  return std::nullopt;
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> found;
  for (auto const& [known, value] : values_) {
    if (known != name) continue;
    split(value, ',', [&found](std::string_view part) {
      if (!part.empty()) found.emplace_back(part);
    });
  }
  return found;
}

Outcome<Page> read_page(Query const& query) {
  Page page;
  if (auto const limit = query.one("limit")) {
    auto const value = whole_number<std::int64_t>(*limit);
    if (!value) return Problem::invalid("limit", "limit must be a whole number.");
    page.limit = std::clamp<std::int64_t>(*value, 1, Page::kLimitMax);
  }
  if (auto const cursor = query.one("cursor")) {
    page.after = cursor_position(*cursor);
    if (!page.after) return Problem::invalid("cursor", "cursor is not one of this list.");
  }
  return page;
}

std::string cursor_text(std::int64_t position) {
  return base64url(fmt::format("p{}", position));
}

std::optional<std::int64_t> cursor_position(std::string_view cursor) {
  auto const text = from_base64url(cursor);
  if (!text || text->empty() || text->front() != 'p') return std::nullopt;
  auto const position = whole_number<std::int64_t>(std::string_view(*text).substr(1));
  if (!position || *position < 0) return std::nullopt;
  return position;
}

}  // namespace bridge::local
