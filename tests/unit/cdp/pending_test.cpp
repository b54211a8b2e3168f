#include "cdp/pending.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <unordered_map>
#include <vector>

namespace bridge::cdp {
namespace {

constexpr auto kMax = std::numeric_limits<std::int32_t>::max();

Pending of(std::uint64_t client, std::int32_t id, std::uint64_t session = 0) {
  return {ClientId{client}, id, session};
}

}  // namespace

TEST_CASE("pending: ids count from one and give back what was put in") {
  PendingTable table;
  CHECK(table.add(of(1, 77, 5)) == 1);
  CHECK(table.add(of(2, 77, 6)) == 2);
  CHECK(table.size() == 2);
  auto const first = table.take(1);
  REQUIRE(first);
  CHECK(first->client == ClientId{1});
  CHECK(first->client_id == 77);
  CHECK(first->session == 5);
  CHECK(table.size() == 1);
  CHECK(table.take(2)->client == ClientId{2});
  CHECK(table.size() == 0);
}

TEST_CASE("pending: an id is taken once, and unknown ids are nobody's") {
  PendingTable table;
  auto const id = table.add(of(1, 1));
  CHECK(table.take(id));
  CHECK_FALSE(table.take(id));
  for (auto const unknown : {0, -1, 2, 65, 1 + 64, kMax, std::numeric_limits<std::int32_t>::min()})
    CHECK_FALSE(table.take(unknown));
  CHECK(table.size() == 0);
}

TEST_CASE("pending: after the largest int32 comes one") {
  PendingTable table(kMax - 1);
  CHECK(table.add(of(1, 1)) == kMax - 1);
  CHECK(table.add(of(1, 2)) == kMax);
  CHECK(table.add(of(1, 3)) == 1);
  CHECK(table.take(kMax)->client_id == 2);
  CHECK(table.take(1)->client_id == 3);
}

TEST_CASE("pending: an id that is still in flight is skipped after the wrap") {
  PendingTable table;
  auto const slow = table.add(of(1, 1));
  CHECK(slow == 1);
  PendingTable wrapped(kMax);
  // Keep 1 and 2 in flight, then come round: the table never gives them out again.
  std::vector<std::int32_t> given;
  for (int i = 0; i < 3; ++i) given.push_back(wrapped.add(of(1, i)));
  CHECK(given == std::vector<std::int32_t>{kMax, 1, 2});
  CHECK(wrapped.take(kMax));
  CHECK(wrapped.add(of(1, 9)) == 3);
}

TEST_CASE("pending: ids in flight at the wrap keep their entries while the table grows") {
  PendingTable table(kMax - 500);
  std::unordered_map<std::int32_t, std::int32_t> expected;
  for (int i = 0; i < 2000; ++i) {
    auto const id = table.add(of(1, i));
    CHECK(id > 0);
    CHECK(expected.emplace(id, i).second);
  }
  CHECK(table.size() == 2000);
  for (auto const& [id, client_id] : expected) {
    auto const entry = table.take(id);
    REQUIRE(entry);
    CHECK(entry->client_id == client_id);
  }
  CHECK(table.size() == 0);
}

TEST_CASE("pending: purge hands over exactly the entries that match") {
  PendingTable table;
  for (int i = 0; i < 300; ++i) (void)table.add(of(static_cast<std::uint64_t>(1 + i % 3), i));
  std::vector<std::int32_t> purged;
  table.purge([](Pending const& entry) { return entry.client == ClientId{2}; },
              [&](std::int32_t id, Pending const& entry) {
                CHECK(entry.client == ClientId{2});
                CHECK(entry.client_id == id - 1);
                purged.push_back(id);
              });
  CHECK(purged.size() == 100);
  CHECK(table.size() == 200);
  for (auto const id : purged) CHECK_FALSE(table.take(id));
  CHECK(table.take(1)->client == ClientId{1});
}

TEST_CASE("pending: random traffic agrees with a plain map") {
  PendingTable table(kMax - 5000);
  std::unordered_map<std::int32_t, std::int32_t> model;
  std::vector<std::int32_t> order;
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i) {
    // Mostly short-lived entries, a few that stay for long.
    if (order.empty() || random() % 100 < 51) {
      auto const id = table.add(of(1, i));
      REQUIRE(model.emplace(id, i).second);
      order.push_back(id);
    } else {
      auto const at = random() % order.size();
      std::swap(order[at], order.back());
      auto const id = order.back();
      order.pop_back();
      auto const entry = table.take(id);
      REQUIRE(entry);
      REQUIRE(entry->client_id == model.at(id));
      model.erase(id);
    }
    REQUIRE(table.size() == model.size());
  }
}

TEST_CASE("pending: of what comes late only the last are kept") {
  LatePending late;
  constexpr int kMany = static_cast<int>(LatePending::kMax) + 5;
  for (int i = 1; i <= kMany; ++i) late.add(i, of(1, i));
  CHECK_FALSE(late.take(5));
  REQUIRE(late.take(6));
  CHECK_FALSE(late.take(6));
  CHECK(late.take(kMany)->client_id == kMany);
}

}  // namespace bridge::cdp
