#include "net/authority.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace bridge::net;
using namespace std::literals;

TEST_CASE("authority: numbers and localhost name this machine, with or without a port") {
  for (auto const* good :
       {"127.0.0.1", "127.0.0.1:1", "8.8.8.8:80", "[::1]", "[::1]:9222", "[fe80::1]", "127.1",
        "2130706433", "0x7f000001", "localhost", "LOCALHOST:65535", "localhost.", "a.localhost",
        "a-b.c_d.LocalHost:1", "127.0.0.1."}) {
    CAPTURE(std::string(good));
    CHECK(is_local_authority(good));
  }
}

TEST_CASE("authority: a name that somebody else may have pointed here does not") {
  for (auto const& bad : {""s,
                          "evil.example"s,
                          "localhost.evil.example"s,
                          "notlocalhost"s,
                          ".localhost"s,
                          "::1"s,
                          "[::1"s,
                          "[127.0.0.1]"s,
                          "127.0.0.1:99999"s,
                          "127.0.0.1:x"s,
                          "127.0.0.1.nip.io"s,
                          "user@127.0.0.1"s,
                          "127.0.0.1/x"s,
                          "evil.example/.localhost"s,
                          "evil.example?.localhost"s,
                          "evil.example#.localhost"s,
                          "evil.example\\.localhost"s,
                          "a%2f.localhost"s,
                          "a\0b.localhost"s,
                          "a b.localhost"s,
                          "127.0.0.1\0x"s,
                          "[::1\0x]"s,
                          "[fe80::1%x/y]"s,
                          "user@x.localhost"s}) {
    CAPTURE(bad);
    CHECK_FALSE(is_local_authority(bad));
  }
}

TEST_CASE("authority: the host is what stands before the port") {
  CHECK(host_of_authority("a.example:80") == "a.example");
  CHECK(host_of_authority("a.example") == "a.example");
  CHECK(host_of_authority("[::1]:80") == "::1");
}
