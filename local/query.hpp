#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "local/errors.hpp"

namespace bridge::local {

/// The query of a request. Arrays come as repeated names (the SDKs) or as "a,b" (the CLI); both are
/// read.
class Query {
 public:
  /// `text` is what follows the question mark.
  explicit Query(std::string_view text);

  /// The first value; none when absent or empty.
  [[nodiscard]] std::optional<std::string> one(std::string_view name) const;
  /// Every value of an array, the comma form taken apart.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// Which part of a list is asked for.
struct Page {
  static constexpr std::int64_t kLimitDefault = 50;
  static constexpr std::int64_t kLimitMax = 100;

  std::int64_t limit = kLimitDefault;  ///< 1..kLimitMax
  std::optional<std::int64_t> after;   ///< position of the last row the caller has seen
};

/// Reads `limit` (clamped) and `cursor`; 400 naming the field when either is not what it should be.
[[nodiscard]] Outcome<Page> read_page(Query const& query);

/// A position as the opaque text that cursors and event ids are.
[[nodiscard]] std::string cursor_text(std::int64_t position);
[[nodiscard]] std::optional<std::int64_t> cursor_position(std::string_view cursor);

}  // namespace bridge::local
