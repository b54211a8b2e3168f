#include "local/traffic.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using bridge::local::Json;
using bridge::local::Traffic;

TEST_CASE("traffic: a host stands for its subdomains, an address for what its stars allow") {
  struct Case {
    char const* entry;
    char const* url;
    bool matches;
  };
  for (auto const& [entry, url, matches] : {
           Case{"example.com", "http://example.com/", true},
           Case{"example.com", "https://www.example.com:8443/a?b", true},
           Case{"example.com", "https://notexample.com/", false},
           Case{"example.com", "https://example.com.evil.net/", false},
           Case{"example.com", "https://evil.net/example.com/", false},
           Case{"example.com", "https://example.com@evil.net/", false},
           Case{"*.example.com", "https://www.example.com/", true},
           Case{"*.example.com", "https://example.com/", false},
           Case{"example.com/ads*", "https://example.com/ads/1", true},
           Case{"example.com/ads*", "https://example.com/news", false},
           Case{"https://example.com/*", "https://example.com/a", true},
           Case{"https://example.com/*", "http://example.com/a", false},
           Case{"https://example.com", "https://example.com/a", true},
           Case{"http://127.0.0.1:80/*", "http://127.0.0.1:81/", false},
           Case{"*://*/*.png", "https://a.b/c/d.png", true},
           Case{"*://*/*.png", "https://a.b/c/d.jpg", false},
           Case{"*", "https://a.b/", true},
       }) {
    CAPTURE(entry);
    CAPTURE(url);
    Traffic block;
    block.block = {entry};
    CHECK(block.admits(url) == !matches);
    Traffic allow;
    allow.allow = {entry};
    CHECK(allow.admits(url) == matches);
  }
}

TEST_CASE("traffic: a block wins over an allow; what has no host passes") {
  Traffic traffic;
  traffic.allow = {"example.com"};
  traffic.block = {"ads.example.com"};
  CHECK(traffic.admits("https://example.com/"));
  CHECK_FALSE(traffic.admits("https://ads.example.com/"));
  CHECK_FALSE(traffic.admits("https://other.net/"));
  CHECK(traffic.admits("about:blank"));
  CHECK(traffic.admits("data:text/html,x"));
}

TEST_CASE("traffic: Chromium gets the lists in the order in which it looks at them") {
  Traffic traffic;
  traffic.allow = {"http://a.b:8080/x?y=(1)*"};
  traffic.block = {"c.d"};
  Traffic numbers;
  numbers.block = {"127.0.0.1:80", "[::1]/x"};
  CHECK(numbers.blocked_urls().at("urlPatterns") == Json::parse(R"([
      {"urlPattern":"*://127.0.0.1:80/*","block":true},
      {"urlPattern":"*://[\\:\\:1]:*/x","block":true}])"));
  CHECK(traffic.blocked_urls().at("urlPatterns") == Json::parse(R"([
      {"urlPattern":"*://c.d:*/*","block":true},
      {"urlPattern":"*://*.c.d:*/*","block":true},
      {"urlPattern":"http://a.b:8080/x\\?y=\\(1\\)*","block":false},
      {"urlPattern":"*://*:*/*","block":true}])"));
}

TEST_CASE("traffic: only what may be refused is paused") {
  Traffic traffic;
  CHECK_FALSE(traffic.restricts());
  traffic.resource_types = {"Image"};
  CHECK(traffic.restricts());
  CHECK(traffic.paused_requests().at("patterns").dump() ==
        R"([{"requestStage":"Request","resourceType":"Image","urlPattern":"*"}])");
  traffic.block = {"c.d"};
  CHECK(traffic.paused_requests().at("patterns").size() == 2);
}
