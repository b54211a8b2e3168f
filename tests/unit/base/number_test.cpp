#include "base/number.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using bridge::whole_number;

TEST_CASE("number: all of the text is the number, or it is none") {
  CHECK(whole_number<std::uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(whole_number<std::int64_t>("-7") == -7);
  for (auto const* text :
       {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0", "18446744073709551616"}) {
    CAPTURE(text);
    CHECK_FALSE(whole_number<std::uint64_t>(text));
  }
}
