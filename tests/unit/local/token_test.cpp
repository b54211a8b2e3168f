#include "local/token.hpp"

#include <doctest/doctest.h>

#include "base/uuid.hpp"
#include "local/timestamp.hpp"
#include "schema.hpp"

using namespace bridge::local;

TEST_CASE("token: base64url as RFC 4648 has it") {
  CHECK(base64url("") == "");
  CHECK(base64url("f") == "Zg");
  CHECK(base64url("fo") == "Zm8");
  CHECK(base64url("foobar") == "Zm9vYmFy");
  CHECK(base64url("\xfb\xff") == "-_8");
}

TEST_CASE("token: what base64url made comes back, other spellings do not") {
  for (auto const text : {"", "f", "fo", "foo", "\xfb\xff\x01"})
    CHECK(from_base64url(base64url(text)) == text);
  for (auto const text : {"Z", "Zh", "Zg==", "Z g", "+/8"}) {
    CAPTURE(text);
    CHECK(from_base64url(text) == std::nullopt);
  }
}

TEST_CASE("token: ids are version 4 UUIDs and do not repeat") {
  CHECK(bridge::test::has_format(bridge::new_uuid(), "uuid"));
  CHECK(bridge::new_uuid() != bridge::new_uuid());
  CHECK(random_token(32).size() == 43);
}

TEST_CASE("token: secrets are equal only when every byte is") {
  CHECK(same_secret("abc", "abc"));
  CHECK_FALSE(same_secret("abc", "abd"));
  CHECK_FALSE(same_secret("abc", "ab"));
  CHECK_FALSE(same_secret("", "x"));
}

TEST_CASE("timestamp: RFC 3339, UTC, milliseconds") {
  CHECK(rfc3339(Timestamp(std::chrono::milliseconds(0))) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339(Timestamp(std::chrono::milliseconds(1'783'675'800'125))) ==
        "2026-07-10T09:30:00.125Z");
}
