#include "net/base64.hpp"

#include <doctest/doctest.h>

namespace bridge::net {

TEST_CASE("base64: the texts of RFC 4648") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xfb\xff") == "+/8=");
}

}  // namespace bridge::net
