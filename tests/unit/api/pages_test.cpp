#include "api/pages.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::api;

namespace {

using Pages = std::map<std::string, ApiResult<Page<int>>>;

Page<int> page(std::vector<int> data, std::string next) {
  Page<int> out;
  out.data = std::move(data);
  out.next_cursor = std::move(next);
  return out;
}

awaitable<ApiResult<Page<int>>> serve(Pages const& pages, std::string cursor) {
  co_return pages.at(cursor);
}

struct Walk {
  std::vector<int> items;
  std::string error;
};

Walk walk(Pages const& pages) {
  net::Loop loop;
  Walk out;
  auto body = [&]() -> awaitable<void> {
    Pager<int> pager([&](std::string cursor) { return serve(pages, std::move(cursor)); });
    for (;;) {
      auto const item = co_await pager.next();
      if (!item) out.error = item.error().code;
      if (!item || !*item) break;
      out.items.push_back(**item);
    }
    auto const after = co_await pager.next();
    CHECK((after.has_value() && !after->has_value()));
  };
  test::run(loop, body());
  return out;
}

}  // namespace

TEST_CASE("pages: items of all pages in order, empty pages included") {
  auto const got = walk({{"", page({1, 2}, "a")}, {"a", page({}, "b")}, {"b", page({3}, "")}});
  CHECK(got.items == std::vector{1, 2, 3});
  CHECK(got.error.empty());
  CHECK(walk({{"", page({}, "")}}).items.empty());
}

TEST_CASE("pages: a server that repeats a cursor does not catch us in a circle") {
  auto const got = walk({{"", page({1}, "a")}, {"a", page({2}, "b")}, {"b", page({3}, "a")}});
  CHECK(got.items == std::vector{1, 2});
  CHECK(got.error == "api.error");
}

TEST_CASE("pages: an error on the way ends the walk") {
  auto const got = walk({{"", page({1}, "a")}, {"a", client_error("network.error", "gone")}});
  CHECK(got.items == std::vector{1});
  CHECK(got.error == "network.error");
}
