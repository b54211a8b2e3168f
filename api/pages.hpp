#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "api/platform.hpp"

namespace bridge::api {

/// Walks a list item by item and fetches the next page when one is needed:
///   auto pages = all_runtimes(platform, query);
///   for (;;) { auto item = co_await pages.next(); ... }
/// Ends with an error when the server repeats a cursor or never ends: following it would loop for
/// ever.
template <class T>
class Pager {
 public:
  static constexpr std::size_t kPagesMax = 10'000;
  /// Called with the cursor of the wanted page; empty for the first one.
  using Fetch = std::function<awaitable<ApiResult<Page<T>>>(std::string)>;

  explicit Pager(Fetch fetch) : fetch_(std::move(fetch)) {}

  /// The next item; none after the last one. After an error the walk is over.
  awaitable<ApiResult<std::optional<T>>> next() {
    while (at_ == page_.data.size()) {
      if (ended_) co_return std::optional<T>{};
      auto page = co_await fetch_(page_.next_cursor);
      at_ = 0;
      if (!page) {
        end();
        co_return page.error();
      }
      page_ = std::move(*page);
      if (page_.next_cursor.empty()) {
        ended_ = true;
      } else if (seen_.size() == kPagesMax || !seen_.insert(page_.next_cursor).second) {
        end();
        co_return client_error("api.error", "the server's list does not end: it repeats a cursor");
      }
    }
    co_return std::optional<T>(std::move(page_.data[at_++]));
  }

 private:
  void end() {
    page_ = {};
    ended_ = true;
  }

  Fetch fetch_;
  Page<T> page_;
  std::size_t at_ = 0;
  bool ended_ = false;
  std::set<std::string> seen_;
};

/// `platform` outlives the pager.
[[nodiscard]] inline Pager<Runtime> all_runtimes(Platform& platform, RuntimeQuery query) {
  return Pager<Runtime>([&platform, query = std::move(query)](std::string cursor) mutable {
    query.cursor = std::move(cursor);
    return platform.list_runtimes(query);
  });
}

[[nodiscard]] inline Pager<Space> all_spaces(Platform& platform, SpaceQuery query = {}) {
  return Pager<Space>([&platform, query = std::move(query)](std::string cursor) mutable {
    query.cursor = std::move(cursor);
    return platform.list_spaces(query);
  });
}

[[nodiscard]] inline Pager<RunEvent> all_events(Platform& platform, EventQuery query) {
  return Pager<RunEvent>([&platform, query = std::move(query)](std::string cursor) mutable {
    query.cursor = std::move(cursor);
    return platform.list_events(query);
  });
}

}  // namespace bridge::api
