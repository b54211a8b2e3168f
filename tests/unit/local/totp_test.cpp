#include "local/totp.hpp"

#include <doctest/doctest.h>

namespace bridge::local {
namespace {

Timestamp at(std::int64_t seconds) {
  return Timestamp(std::chrono::seconds(seconds));
}

Totp of(std::string key, Totp::Hash hash) {
  Totp totp;
  totp.key = std::move(key);
  totp.hash = hash;
  totp.digits = 8;
  return totp;
}

}  // namespace

TEST_CASE("totp: the vectors of RFC 6238, appendix B") {
  std::string const tens = "12345678901234567890";
  auto const sha1 = of(tens, Totp::Hash::sha1);
  auto const sha256 = of(tens + "123456789012", Totp::Hash::sha256);
  auto const sha512 = of(tens + tens + tens + "1234", Totp::Hash::sha512);
  struct Row {
    std::int64_t time;
    char const* sha1;
    char const* sha256;
    char const* sha512;
  };
  for (auto const& row : {Row{59, "94287082", "46119246", "90693936"},
                          Row{1111111109, "07081804", "68084774", "25091201"},
                          Row{1111111111, "14050471", "67062674", "99943326"},
                          Row{1234567890, "89005924", "91819424", "93441116"},
                          Row{2000000000, "69279037", "90698825", "38618901"},
                          Row{20000000000, "65353130", "77737706", "47863826"}}) {
    CAPTURE(row.time);
    CHECK(totp_code(sha1, at(row.time)) == row.sha1);
    CHECK(totp_code(sha256, at(row.time)) == row.sha256);
    CHECK(totp_code(sha512, at(row.time)) == row.sha512);
  }
}

TEST_CASE("totp: a key in base32 gives six digits, whatever its case, groups and padding") {
  auto const plain = read_totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  REQUIRE(plain.has_value());
  CHECK(plain->key == "12345678901234567890");
  CHECK(totp_code(*plain, at(59)) == "287082");
  CHECK(totp_code(*plain, at(1111111109)) == "081804");
  auto const shown = read_totp("gezd gnbv gy3t qojq-gezd gnbv gy3t qojq====");
  REQUIRE(shown.has_value());
  CHECK(shown->key == plain->key);
}

TEST_CASE("totp: an otpauth address says hash, digits and period") {
  auto const plain = read_totp("otpauth://totp/Site:ada?secret=GEZDGNBVGY3TQOJQ&issuer=Site");
  REQUIRE(plain.has_value());
  CHECK(plain->key == "1234567890");
  CHECK(plain->hash == Totp::Hash::sha1);
  CHECK(plain->digits == 6);
  CHECK(plain->period == std::chrono::seconds(30));
  auto const full =
      read_totp("OTPAUTH://totp/ada?algorithm=SHA512&digits=8&period=60&secret=GEZDGNBVGY3TQOJQ");
  REQUIRE(full.has_value());
  CHECK(full->hash == Totp::Hash::sha512);
  CHECK(full->digits == 8);
  CHECK(full->period == std::chrono::seconds(60));
}

TEST_CASE("totp: what is neither is none") {
  for (auto const* const text :
       {"", "====", "not base32!", "01890189", "otpauth://hotp/a?secret=GEZDGNBV&counter=1",
        "otpauth://totp/a", "otpauth://totp/a?secret=", "otpauth://totp/a?secret=1",
        "otpauth://totp/a?secret=GEZDGNBV&algorithm=MD5",
        "otpauth://totp/a?secret=GEZDGNBV&digits=5", "otpauth://totp/a?secret=GEZDGNBV&period=0",
        "otpauth://totp/a?secret=GEZDGNBV&period=x"}) {
    CAPTURE(text);
    CHECK_FALSE(read_totp(text));
  }
}

}  // namespace bridge::local
