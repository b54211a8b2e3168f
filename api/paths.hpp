#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "net/url.hpp"

namespace bridge::api {

/// "/runtimes/rt_1/start"; `rest` is sent as it is.
[[nodiscard]] inline std::string runtime_path(RuntimeId const& id, std::string_view rest = {}) {
  return fmt::format("/runtimes/{}{}", net::percent_encode(id.value), rest);
}
/// "/runs/run_1/events"
[[nodiscard]] inline std::string run_path(RunId const& id, std::string_view rest = {}) {
  return fmt::format("/runs/{}{}", net::percent_encode(id.value), rest);
}

/// "?a=1&b=2" behind a path; empty values are left out, lists repeat their name.
class QueryText {
 public:
  explicit QueryText(std::string path) : text_(std::move(path)) {}

  QueryText& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    text_ += fmt::format("{}{}={}", first_ ? '?' : '&', name, net::percent_encode(value));
    first_ = false;
    return *this;
  }
  QueryText& add(std::string_view name, std::vector<std::string> const& values) {
    for (auto const& value : values) add(name, value);
    return *this;
  }
  QueryText& page(std::string const& cursor, unsigned limit) {
    if (limit != 0) add("limit", std::to_string(limit));
    return add("cursor", cursor);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  bool first_ = true;
};

}  // namespace bridge::api
