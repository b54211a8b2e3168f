#pragma once

#include <type_traits>
#include <vector>

#include "base/secret.hpp"
#include "local/json.hpp"
#include "local/store.hpp"

namespace bridge::local {

// Stored rows as the contract's JSON objects.

[[nodiscard]] Json space_view(Space const& space, bool with_environment);
[[nodiscard]] Json runtime_summary(Runtime const& runtime);
/// The summary with config and metadata.
[[nodiscard]] Json runtime_view(Runtime const& runtime);
/// The view with connectUrl and protocol; `connect_url` is empty while the runtime is not active.
[[nodiscard]] Json runtime_detail(Runtime const& runtime, Secret const& connect_url);
[[nodiscard]] Json run_summary(Run const& run);
/// How much of each kind belongs to a run.
struct RunCounts {
  std::int64_t events = 0;
  std::int64_t files = 0;
  std::int64_t files_bytes = 0;
  std::int64_t invocations = 0;
};
/// The summary with counts and usage.
[[nodiscard]] Json run_view(Run const& run, RunCounts const& counts, Timestamp when);
[[nodiscard]] Json usage_view(Run const& run, RunCounts const& counts, Timestamp when);
[[nodiscard]] Json event_view(Event const& event);

/// Credits by what they went to: nothing is billed here.
[[nodiscard]] Json no_credits();

/// {data, nextCursor}; `next` is what Slice::next() says.
[[nodiscard]] Json list_view(std::vector<Json> rows, std::optional<std::int64_t> next);

/// One page of a list, each row shown by `view`.
template <class Row, class View>
[[nodiscard]] net::HttpReply list_reply(Slice<Row> const& slice, View view) {
  std::vector<std::invoke_result_t<View&, Row const&>> rows;
  rows.reserve(slice.rows.size());
  for (auto const& row : slice.rows) rows.push_back(view(row));
  return json_reply(200, list_view(std::move(rows), slice.next()));
}

}  // namespace bridge::local
