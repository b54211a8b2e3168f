#include "local/traffic.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "local/punycode.hpp"

using bridge::local::canonical_host;
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
           // As Chromium has it for everything but documents.
           Case{"Example.COM", "https://www.example.com/", true},
           Case{"HTTPS://Example.com/*", "https://example.com/", true},
           Case{"müller.example", "http://www.xn--mller-kva.example/", true},
           Case{"*://MÜLLER.example/*", "http://xn--mller-kva.example/", true},
           Case{"https://example.com:443/*", "https://example.com/a", true},
           Case{"example.com:443", "https://example.com/a", true},
           Case{"example.com:443", "http://example.com/a", false},
           Case{"example.com:80", "http://example.com/a", true},
           Case{"http://example.com:8080/*", "http://example.com/", false},
           Case{"example.com/ads", "https://example.com/ads?x=1", true},
           Case{"example.com/ads", "https://example.com/ads#x", true},
           Case{"example.com/ads", "https://example.com/ads/1?x", false},
           Case{"example.com/ads?x=*", "https://example.com/ads?x=1", true},
           Case{"example.com/ads?x=*", "https://example.com/ads?y=1", false},
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
  CHECK(traffic.admits("blob:https://other.net/0-1-2"));
  CHECK(traffic.admits("chrome-extension://abcdefghijklmnop/page.html"));
}

TEST_CASE("traffic: Chromium gets the lists in the order in which it looks at them") {
  Traffic traffic;
  traffic.allow = {"http://a.b:8080/x?y=(1)*"};
  traffic.block = {"c.d"};
  Traffic numbers;
  numbers.block = {"127.0.0.1:80", "[::1]/x"};
  CHECK(numbers.blocked_urls().at("urlPatterns") == Json::parse(R"([
      {"urlPattern":"*://127.0.0.1:80/*","block":true},
      {"urlPattern":"http://127.0.0.1:80/*","block":true},
      {"urlPattern":"ws://127.0.0.1:80/*","block":true},
      {"urlPattern":"*://[\\:\\:1]:*/x","block":true}])"));
  CHECK(traffic.blocked_urls().at("urlPatterns") == Json::parse(R"([
      {"urlPattern":"*://c.d:*/*","block":true},
      {"urlPattern":"*://*.c.d:*/*","block":true},
      {"urlPattern":"http://a.b:8080/x\\?y=\\(1\\)*","block":false},
      {"urlPattern":"chrome-extension://*:*/*","block":false},
      {"urlPattern":"*://*:*/*","block":true}])"));
}

TEST_CASE("traffic: a host in any script is compared as addresses have it") {
  // RFC 3492, section 7.1, and names of real hosts.
  CHECK(canonical_host("bücher.example") == "xn--bcher-kva.example");
  CHECK(canonical_host("Пример.рф") == "xn--e1afmkfd.xn--p1ai");
  CHECK(canonical_host("他们为什么不说中文") == "xn--ihqwcrb4cv8a8dqg056pqjye");
  CHECK(canonical_host("Pročprostěnemluvíčesky") == "xn--proprostnemluvesky-uyb24dma41a");
  CHECK(canonical_host("WWW.Example.COM.") == "www.example.com.");
  CHECK(canonical_host("") == "");
  CHECK(canonical_host("*.mü*.a") == "*.mü*.a");
}

TEST_CASE("traffic: only what may be refused is paused") {
  Traffic traffic;
  CHECK_FALSE(traffic.restricts());
  traffic.resource_types = {"Image"};
  CHECK(traffic.restricts());
  auto const types = [&] {
    std::vector<std::string> names;
    auto const paused = traffic.paused_requests();
    for (auto const& pattern : paused.at("patterns")) {
      CHECK(pattern.at("urlPattern") == "*");
      CHECK(pattern.at("requestStage") == "Request");
      names.push_back(pattern.at("resourceType").get<std::string>());
    }
    return names;
  };
  CHECK(types() == std::vector<std::string>{"Document", "Image"});
  traffic.resource_types.clear();
  CHECK(types() == std::vector<std::string>{"Document"});
}
