#include "local/query.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;

TEST_CASE("query: arrays are read repeated and with commas") {
  std::vector<std::string> const both{"active", "failed"};
  CHECK(Query("status=active&status=failed").all("status") == both);
  CHECK(Query("status=active,failed").all("status") == both);
  CHECK(Query("status=active%2Cfailed&x=1").all("status") == both);
  CHECK(Query("status=&status=").all("status").empty());
}

TEST_CASE("query: names and values are decoded") {
  CHECK(Query("a%20b=c+d%26e").one("a b") == "c d&e");
  CHECK(Query("flag").one("flag") == std::nullopt);
  CHECK(Query("").all("x").empty());
}

TEST_CASE("query: limit has a default, is clamped and must be a number") {
  CHECK(read_page(Query("")).value().limit == 50);
  CHECK(read_page(Query("limit=0")).value().limit == 1);
  CHECK(read_page(Query("limit=-7")).value().limit == 1);
  CHECK(read_page(Query("limit=1000")).value().limit == 100);
  for (auto const text : {"limit=x", "limit=1.5", "limit=1e2", "limit=99999999999999999999"}) {
    CAPTURE(text);
    auto const page = read_page(Query(text));
    REQUIRE(page.has_error());
    CHECK(page.error().details == R"({"field":"limit"})");
  }
}

TEST_CASE("query: a cursor comes back as its position, anything else is refused") {
  CHECK(cursor_position(cursor_text(0)) == 0);
  CHECK(cursor_position(cursor_text(987'654'321)) == 987'654'321);
  CHECK(read_page(Query("cursor=" + cursor_text(7))).value().after == 7);
  for (auto const text : {"cursor=x", "cursor=!!", "cursor=MTI", "cursor=cC01"}) {
    CAPTURE(text);
    CHECK(read_page(Query(text)).has_error());
  }
}
