#include <fmt/format.h>

#include "tests/unit/daemon/bench.hpp"

using namespace bridge;
using test::Bench;
using Lines = std::vector<std::string>;

namespace {

std::string page_path(std::string_view id) {
  return fmt::format("/devtools/page/{}", id);
}

}  // namespace

TEST_CASE("bridge: a page endpoint speaks without session ids") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  auto& page = bench.join(page_path("T1"));
  page.send(R"({"id":1,"method":"Test.echo"})");
  bench.upstream.send(R"({"method":"Test.event","params":{},"sessionId":"S1"})");
  bench.until("both came", [&] { return page.received.size() == 2; });
  CHECK(page.got(R"({"id":1,"result":{"method":"Test.echo","params":{}}})"));
  CHECK(page.got(R"({"method":"Test.event","params":{}})"));
  CHECK(bench.upstream.count("Target.attachToTarget") == 1);
}

TEST_CASE("bridge: an unknown page is a 500 before the upgrade") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  for (std::string const id : {"T2", "t1", "T1/", "T1?x", ""}) {
    CAPTURE(id);
    auto const refused = bench.refused(page_path(id));
    CHECK(refused.status == 500);
    CHECK(refused.body == fmt::format("No such target id: {}", id));
  }
  CHECK(bench.upstream.count("Target.attachToTarget") == 0);
}

TEST_CASE("bridge: the page of a sleeping runtime is unknown and wakes nobody") {
  Bench bench;
  CHECK(bench.refused(page_path("T1")).status == 500);
  CHECK(bench.platform.calls.empty());
}

TEST_CASE("bridge: a page asked for while the runtime wakes is looked for when it is awake") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  bench.platform.hold("start");
  bench.knock();
  bench.until_state(BridgeState::waking);
  auto& known = bench.knock(page_path("T1"));
  auto& unknown = bench.knock(page_path("T2"));
  test::settle(bench.loop);
  CHECK(known.status == 0);
  CHECK(unknown.status == 0);
  bench.platform.release("start");
  bench.until("both have an answer", [&] { return known.status != 0 && unknown.status != 0; });
  CHECK(known.status == 101);
  CHECK(unknown.status == 500);
  CHECK(unknown.refused.body == "No such target id: T2");
}

TEST_CASE("bridge: a page that closes while a client attaches to it is unknown") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  REQUIRE(bench.up().has_value());
  bench.upstream.hold_attach = true;
  auto& page = bench.knock(page_path("T1"));
  bench.until("the attach is asked for",
              [&] { return bench.upstream.count("Target.attachToTarget") == 1; });
  bench.upstream.destroy_target("T1");
  bench.upstream.release_attaches();
  bench.until("it is refused", [&] { return page.status != 0; });
  CHECK(page.status == 500);
  CHECK(page.refused.body == "No such target id: T1");
}

TEST_CASE("bridge: a page that closes ends its sockets as Chrome does, without a close frame") {
  Bench bench;
  bench.upstream.add_target("T1", "page", "one");
  bench.upstream.add_target("T2", "page", "two");
  auto& browser = bench.join();
  auto& one = bench.join(page_path("T1"));
  auto& same = bench.join(page_path("T1"));
  auto& two = bench.join(page_path("T2"));
  bench.upstream.destroy_target("T1");
  bench.until("both sockets end", [&] { return one.ended() && same.ended(); });
  Lines const last_words{
      R"({"method":"Inspector.detached","params":{"reason":"Render process gone."}})",
      R"({"method":"Inspector.detached","params":{"reason":"target_closed"}})"};
  CHECK(one.received == last_words);
  CHECK(same.received == last_words);
  CHECK(one.closed.code == 0);
  CHECK(same.closed.code == 0);
  CHECK_FALSE(two.ended());
  CHECK_FALSE(browser.ended());
  CHECK(bench.refused(page_path("T1")).status == 500);
}
