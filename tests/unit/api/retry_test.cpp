#include "api/retry.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace bridge;
using namespace bridge::api;
using std::chrono::milliseconds;

namespace {

ApiError with_status(unsigned status) {
  ApiError error;
  error.status = status;
  error.code = "api.error";
  return error;
}

ApiError transport() {
  return client_error("network.error", "connection refused");
}

}  // namespace

TEST_CASE("retry: only what cannot happen twice is repeated") {
  for (auto const* method : {"GET", "HEAD", "OPTIONS"}) CHECK(is_repeatable(method, ""));
  for (auto const* method : {"POST", "PATCH", "PUT", "DELETE"}) {
    CHECK(!is_repeatable(method, ""));
    CHECK(is_repeatable(method, "key-1"));
  }
}

TEST_CASE("retry: which failures may pass") {
  for (unsigned const status : {408U, 429U, 500U, 502U, 503U, 504U, 599U})
    CHECK(is_transient(with_status(status)));
  for (unsigned const status : {301U, 400U, 401U, 402U, 403U, 404U, 409U, 410U, 423U})
    CHECK(!is_transient(with_status(status)));
  CHECK(is_transient(transport()));
  CHECK(!is_transient(client_error("api.error", "unreadable")));
}

TEST_CASE("retry: two retries, 250 and 500 ms and up to 50 ms more") {
  std::set<milliseconds::rep> firsts;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RetryDelays delays(seed);
    auto const first = delays.after(1, transport());
    auto const second = delays.after(2, with_status(503));
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    CHECK(*first >= milliseconds(250));
    CHECK(*first <= milliseconds(300));
    CHECK(*second >= milliseconds(500));
    CHECK(*second <= milliseconds(550));
    CHECK(!delays.after(3, transport()).has_value());
    firsts.insert(first->count());
  }
  CHECK(firsts.size() > 10);
}

TEST_CASE("retry: the same seed gives the same waits") {
  RetryDelays one(7);
  RetryDelays two(7);
  for (int i = 0; i < 10; ++i) CHECK(one.after(1, transport()) == two.after(1, transport()));
}

TEST_CASE("retry: the server's own wait goes before ours, but not for what is final") {
  RetryDelays delays(1);
  auto error = with_status(429);
  error.retry_after = milliseconds(7000);
  CHECK(delays.after(1, error) == milliseconds(7000));
  error.retry_after = milliseconds(0);
  CHECK(delays.after(2, error) == milliseconds(0));
  CHECK(!delays.after(3, error).has_value());
  error.status = 404;
  CHECK(!delays.after(1, error).has_value());
}

TEST_CASE("retry: Retry-After as seconds and as each form of date") {
  // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 5.6.7.
  auto const then = std::chrono::system_clock::from_time_t(784111777);
  auto const before = then - std::chrono::seconds(90);
  CHECK(parse_retry_after("0", before) == milliseconds(0));
  CHECK(parse_retry_after(" 3 ", before) == milliseconds(3000));
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", before) == milliseconds(90'000));
  CHECK(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", before) == milliseconds(90'000));
  CHECK(parse_retry_after("Sun Nov  6 08:49:37 1994", before) == milliseconds(90'000));
  auto const after = then + std::chrono::hours(1);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", after) == milliseconds(0));
  for (auto const* bad : {"", "soon", "-1", "1.5", "3s", "Sun, 06 Foo 1994 08:49:37 GMT"})
    CHECK(!parse_retry_after(bad, before).has_value());
  auto const huge = parse_retry_after("99999999999999999999", before);
  REQUIRE(huge.has_value());
  CHECK(*huge > std::chrono::hours(24));
}
