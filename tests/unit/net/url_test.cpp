#include "net/url.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace bridge;
using namespace bridge::net;

TEST_CASE("url: an address comes apart into what a request needs") {
  struct Row {
    char const* text;
    char const* scheme;
    char const* host;
    unsigned port;
    char const* target;
  };
  Row const rows[] = {
      {"https://api.bctrl.ai/v1", "https", "api.bctrl.ai", 443, "/v1"},
      {"http://localhost:8787", "http", "localhost", 8787, "/"},
      {"ws://127.0.0.1:9222", "ws", "127.0.0.1", 9222, "/"},
      {"wss://host.example/devtools?token=a%2Fb&x=1", "wss", "host.example", 443,
       "/devtools?token=a%2Fb&x=1"},
      {"ws://host.example?token=1", "ws", "host.example", 80, "/?token=1"},
      {"WSS://HOST.Example/Path", "wss", "host.example", 443, "/Path"},
      {"ws://[::1]:9411/devtools/browser/1", "ws", "::1", 9411, "/devtools/browser/1"},
      {"http://[2001:DB8::1]/", "http", "2001:db8::1", 80, "/"},
      {"http://host.example:/x", "http", "host.example", 80, "/x"},
      {"http://host.example/a#part", "http", "host.example", 80, "/a"},
      {"wss://host.example/a|b?t={x}[1]&p=100%", "wss", "host.example", 443,
       "/a%7Cb?t=%7Bx%7D%5B1%5D&p=100%25"},
      {"http://under_score.example/", "http", "under_score.example", 80, "/"},
  };
  for (auto const& row : rows) {
    CAPTURE(std::string(row.text));
    auto const url = parse_url(row.text);
    REQUIRE(url.has_value());
    CHECK(url->scheme == row.scheme);
    CHECK(url->host == row.host);
    CHECK(url->port == row.port);
    CHECK(url->target == row.target);
  }
}

TEST_CASE("url: what cannot be reached is refused without quoting it") {
  for (auto const* text : {"",
                           "host.example",
                           "ftp://host.example/",
                           "http://",
                           "http:///secret",
                           "http://:80/secret",
                           "http://host.example:65536/secret",
                           "http://host.example:0/secret",
                           "http://h:x/secret",
                           "http://host.example/a secret",
                           "http://host.example/secret\r\nHost: x",
                           "http://ho%20st/secret",
                           "http://a%25b/secret",
                           "http://a%3Ab/secret",
                           "http://12%2e7.0.0.12/secret",
                           "http://%C3%A9/secret",
                           "http://[v1.a]/secret",
                           "http://[::1/secret",
                           "http://a%2Fsecret@/",
                           "javascript:secret"}) {
    CAPTURE(std::string(text));
    auto const url = parse_url(text);
    REQUIRE(!url);
    CHECK(url.error().is(Errc::bad_url));
    CHECK(url.error().text().find("secret") == std::string::npos);
  }
}

TEST_CASE("url: userinfo is decoded and shown nowhere") {
  auto const url = parse_url("http://us%40er:p%3Aw@proxy.example:3128");
  REQUIRE(url.has_value());
  CHECK(url->userinfo == "us@er:p:w");
  CHECK(url->origin() == "http://proxy.example:3128");
  CHECK(url->text() == "http://proxy.example:3128/");
}

TEST_CASE("url: authority, origin and text") {
  CHECK(parse_url("https://a.example:443/x?y")->authority() == "a.example");
  CHECK(parse_url("http://a.example:443/")->authority() == "a.example:443");
  CHECK(parse_url("ws://[::1]:80/")->authority() == "[::1]");
  CHECK(parse_url("ws://[::1]:81/")->authority() == "[::1]:81");
  CHECK(parse_url("wss://a.example/secret")->origin() == "wss://a.example:443");
  CHECK(parse_url("ws://[::1]/secret")->origin() == "ws://[::1]:80");
  CHECK(parse_url("wss://a.example/x?y=1")->text() == "wss://a.example/x?y=1");
  auto const moved = parse_url("http://a.example:9222/old")->with_target("/json/version");
  CHECK(moved.text() == "http://a.example:9222/json/version");
}

TEST_CASE("url: which hosts are this machine") {
  for (auto const* host : {"127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST",
                           "localhost.", "app.localhost"}) {
    CAPTURE(std::string(host));
    CHECK(is_loopback_host(host));
  }
  for (auto const* host :
       {"", "128.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "127.0.0.1.example",
        "localhost.example", "notlocalhost", ".localhost", "127.1", "2130706433"}) {
    CAPTURE(std::string(host));
    CHECK(!is_loopback_host(host));
  }
}

TEST_CASE("url: percent coding") {
  CHECK(percent_encode("rt_1-a.b~c") == "rt_1-a.b~c");
  CHECK(percent_encode("a/b?c#d e%") == "a%2Fb%3Fc%23d%20e%25");
  CHECK(percent_encode("\xc3\xa9") == "%C3%A9");
  CHECK(percent_decode("a%2Fb%3f%zz%4") == "a/b?%zz%4");
  CHECK(percent_decode(percent_encode("\x01\x7f\xff/+ ")) == "\x01\x7f\xff/+ ");
}
