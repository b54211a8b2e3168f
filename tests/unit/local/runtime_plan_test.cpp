#include "local/runtime_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace bridge::local;
using Names = std::vector<std::string>;

TEST_CASE("runtime plan: a proxy's address has a protocol, a place and perhaps a login") {
  struct Case {
    char const* address;
    char const* protocol;
    char const* host;
    int port;
    char const* username;
    char const* password;
  };
  for (auto const& one : {
           Case{"http://h.example:3128", "http", "h.example", 3128, "", ""},
           Case{"http://h.example", "http", "h.example", 80, "", ""},
           Case{"socks5://h.example", "socks5", "h.example", 1080, "", ""},
           Case{"socks5://u:p%40w@[::1]:9", "socks5", "::1", 9, "u", "p@w"},
           Case{"socks5://u@[::1]", "socks5", "::1", 1080, "u", ""},
           Case{"http://u:a:b@h:1", "http", "h", 1, "u", "a:b"},
       }) {
    CAPTURE(one.address);
    auto const proxy = parse_proxy(one.address);
    REQUIRE(proxy.has_value());
    CHECK(proxy->protocol == one.protocol);
    CHECK(proxy->host == one.host);
    CHECK(proxy->port == one.port);
    CHECK(proxy->username == one.username);
    CHECK(proxy->password == one.password);
    CHECK(proxy->wants_login() == (*one.username != '\0'));
  }
  for (auto const address : {"ftp://h:1", "https://h:1", "http://", "socks5://:1", "px_1", ""}) {
    CAPTURE(address);
    CHECK_FALSE(parse_proxy(address).has_value());
  }
}

TEST_CASE("runtime plan: a proxy is applied once somebody has found it") {
  auto plan = plan_of(R"({"proxy": {"id": "px_1"}})");
  CHECK(plan.saved_proxy == "px_1");
  CHECK(plan.not_applied() == Names{"proxy"});
  plan.proxy = parse_proxy("http://h:1");
  CHECK(plan.not_applied().empty());
  CHECK(plan.applied() == Names{"proxy"});
  CHECK(plan_of(R"({"proxy": "px_2"})").saved_proxy == "px_2");
  CHECK(plan_of(R"({"proxy": {"pool": "pool1"}})").not_applied() == Names{"proxy"});
  auto const own = plan_of(R"({"proxy": {"host": "h", "port": 2, "protocol": "socks5",
                               "username": "u", "password": "p", "dnsResolution": "local"}})");
  CHECK(own.proxy->port == 2);
  CHECK(own.proxy->password == "p");
  CHECK(own.not_applied() == Names{"proxy.dnsResolution"});
}

TEST_CASE("runtime plan: extensions are applied when all of them are there") {
  auto plan = plan_of(R"({"extensionIds": ["a", "b"]})");
  CHECK(plan.not_applied() == Names{"extensionIds"});
  plan.extensions = {"/x/a"};
  CHECK(plan.not_applied() == Names{"extensionIds"});
  plan.extensions = {"/x/a", "/x/b"};
  CHECK(plan.not_applied().empty());
  CHECK(plan.applied() == Names{"extensionIds"});
}

TEST_CASE("runtime plan: traffic lists are put together, types become Chromium's") {
  auto const plan = plan_of(R"({"networkTraffic": {"urlBlocklist": ["a.example"], "blockAds": true,
      "blockTrackers": false, "blockResourceTypes": ["image", "beacon", "ping"], "saver": "light",
      "unknown": 1}})");
  CHECK(std::ranges::count(plan.traffic.block, "a.example") == 1);
  CHECK(plan.traffic.block.size() == 1 + ad_hosts().size());
  CHECK(plan.traffic.resource_types == Names{"Image", "Ping", "Prefetch", "Media", "TextTrack"});
  CHECK(plan.not_applied() == Names{"networkTraffic.unknown"});
  CHECK_FALSE(plan_of(R"({"networkTraffic": {"saver": "none"}})").traffic.restricts());
}

TEST_CASE("runtime plan: a locale may be a list; what is no text has no effect") {
  CHECK(plan_of(R"({"fingerprint": {"locale": "de-DE"}})").languages == Names{"de-DE"});
  auto const plan = plan_of(R"({"fingerprint": {"locale": ["fr", "de"], "timezone": "Asia/Tokyo",
                                "userAgent": "x", "os": "mac"}})");
  CHECK(plan.languages == Names{"fr", "de"});
  CHECK(plan.timezone == "Asia/Tokyo");
  CHECK(plan.user_agent == "x");
  CHECK(plan.not_applied() == Names{"fingerprint.os"});
}
