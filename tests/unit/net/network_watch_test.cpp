#include "net/network_watch.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "net/tasks.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::net {
namespace {

/// The kernel's side of a netlink socket, as far as it matters: datagrams.
struct News {
  News() { REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()) == 0); }
  ~News() { ::close(ends[0]); }
  void tell(int times) const {
    for (int i = 0; i < times; ++i) CHECK(::send(ends[0], "news", 4, 0) == 4);
  }
  std::array<int, 2> ends{};
};

awaitable<void> a_moment() {
  (void)co_await sleep_for(50ms);
}

awaitable<void> take_news(NetworkWatch& watch, News const& news) {
  for (int round = 0; round < 2; ++round) {
    auto const before = Clock::now();
    news.tell(5);
    CHECK(co_await watch.changed());
    CHECK(Clock::now() - before >= 100ms);
    auto const first = co_await (watch.changed() || a_moment());
    CHECK(first.index() == 1);
  }
}

// This machine's network may change, too.
awaitable<void> listen_a_moment(NetworkWatch& watch) {
  auto const first = co_await (watch.changed() || a_moment());
  CHECK((first.index() == 1 || std::get<0>(first)));
}

}  // namespace

TEST_CASE("network watch: what comes together is one change") {
  Loop loop;
  News news;
  NetworkWatch watch(loop, news.ends[1]);
  test::run(loop, take_news(watch, news));
}

TEST_CASE("network watch: the kernel lets us listen") {
  Loop loop;
  auto watch = NetworkWatch::open(loop);
  REQUIRE(watch.has_value());
  test::run(loop, listen_a_moment(**watch));
}

}  // namespace bridge::net
