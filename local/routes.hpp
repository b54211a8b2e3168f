#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bridge::local {

/// One operation of the contract: its operationId, method and path template, "/v1/runs/{runId}".
/// Text literals.
struct Route {
  std::string_view operation;
  std::string_view method;
  std::string_view path;
};

/// Values of a template's placeholders, decoded.
class PathParameters {
 public:
  void add(std::string_view name, std::string value) {
    values_.emplace_back(name, std::move(value));
  }
  /// Empty when the template has no such placeholder; a placeholder never matches an empty segment.
  [[nodiscard]] std::string const& at(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, std::string>> values_;
};

/// Finds the operation of a request. Works on the raw path: segments are split first and decoded
/// afterwards, so a vault key with "%2F" stays one segment. A literal segment wins over a
/// placeholder.
class Routes {
 public:
  struct Found {
    std::size_t index;  ///< in the span given to the constructor
    PathParameters parameters;
  };
  struct WrongMethod {
    std::string allow;  ///< "GET, POST"
  };
  struct Unknown {};
  using Answer = std::variant<Found, WrongMethod, Unknown>;

  explicit Routes(std::span<Route const> routes);

  /// `path` is the raw target up to the question mark.
  [[nodiscard]] Answer find(std::string_view method, std::string_view path) const;

 private:
  struct Template {
    std::string_view method;
    std::vector<std::string_view> segments;
  };
  std::vector<Template> templates_;
};

/// "/v1/runs?limit=1" as {"/v1/runs", "limit=1"}; a fragment is no part of either.
[[nodiscard]] std::pair<std::string_view, std::string_view> split_target(std::string_view target);

/// "/a/b" as {"a", "b"}, "/a/" as {"a", ""}.
[[nodiscard]] std::vector<std::string_view> split_path(std::string_view path);

}  // namespace bridge::local
