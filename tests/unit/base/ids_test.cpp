#include "base/ids.hpp"

#include <doctest/doctest.h>

#include <type_traits>
#include <unordered_map>

namespace bridge {

static_assert(!std::is_convertible_v<RuntimeId, RunId>);
static_assert(!std::is_constructible_v<RunId, RuntimeId>);
static_assert(!std::is_convertible_v<std::uint64_t, ClientId>);

TEST_CASE("ids: equal, ordered and hashed by their text") {
  RuntimeId const a{"rt_a"};
  RuntimeId const b{"rt_b"};
  CHECK(a == RuntimeId{"rt_a"});
  CHECK(a != b);
  CHECK(a < b);
  CHECK(RuntimeId{}.empty());
  CHECK_FALSE(a.empty());
  std::unordered_map<RuntimeId, int> map{{a, 1}, {b, 2}};
  CHECK(map.at(RuntimeId{"rt_b"}) == 2);
  std::unordered_map<ClientId, int> clients{{ClientId{1}, 1}};
  CHECK(clients.contains(ClientId{1}));
}

}  // namespace bridge
