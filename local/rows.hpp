#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/sqlite.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

// How values stand in columns, and how rows are read. For the store's own files.

[[nodiscard]] inline std::int64_t millis(Timestamp when) {
  return when.time_since_epoch().count();
}
[[nodiscard]] inline Timestamp moment(std::int64_t millis) {
  return Timestamp(std::chrono::milliseconds(millis));
}
[[nodiscard]] inline std::optional<std::int64_t> millis(std::optional<Timestamp> when) {
  if (!when) return std::nullopt;
  return millis(*when);
}
[[nodiscard]] inline std::optional<Timestamp> moment(std::optional<std::int64_t> millis) {
  if (!millis) return std::nullopt;
  return moment(*millis);
}

/// A set as one parameter, for "? IS NULL OR x IN (SELECT value FROM json_each(?))". None:
/// everything.
[[nodiscard]] std::optional<std::string> set_text(std::vector<std::string> const& values);

/// A slice of a list in list order, and whether more follows.
template <class Row>
struct Slice {
  std::vector<Row> rows;
  bool more = false;

  /// Where the next slice begins: position of the last row, when more follow.
  [[nodiscard]] std::optional<std::int64_t> next() const {
    if (!more) return std::nullopt;
    return rows.back().position;
  }
};

/// Which part: at most `limit` rows behind position `after`.
struct Range {
  std::int64_t limit = 50;
  std::optional<std::int64_t> after;
};

/// The statement asks for one row more than the limit: its presence says that the list goes on.
template <class Row>
Slice<Row> read_slice(Statement& statement, std::int64_t limit, Row (*read)(Statement const&)) {
  Slice<Row> slice;
  while (statement.next()) {
    if (std::ssize(slice.rows) == limit) {
      slice.more = true;
      break;
    }
    slice.rows.push_back(read(statement));
  }
  return slice;
}

template <class Row>
std::optional<Row> read_one(Statement& statement, Row (*read)(Statement const&)) {
  if (!statement.next()) return std::nullopt;
  return read(statement);
}

}  // namespace bridge::local
