#include "config/address.hpp"

#include <doctest/doctest.h>

using namespace bridge::config;

TEST_CASE("address: a URL's parts") {
  auto const at = split_address("WSS://user:pw@Host.Example:8443/devtools/x?token=1");
  REQUIRE(at);
  CHECK(at->scheme == "wss");
  CHECK(at->host == "host.example");
  CHECK(at->port == "8443");
  CHECK(at->userinfo);
  CHECK(at->path);
  CHECK(at->origin() == "wss://host.example:8443");
  CHECK(split_address("http://[::1]:9222/")->origin() == "http://[::1]:9222");
  CHECK(!split_address("http://[::1]:9222/")->path);
  CHECK(split_address("http://h?x")->path);
}

TEST_CASE("address: the port in use is the named one, else the scheme's") {
  CHECK(split_address("ws://h:8443")->port_number() == 8443);
  CHECK(split_address("ws://h")->port_number() == 80);
  CHECK(split_address("https://h/x")->port_number() == 443);
  CHECK(split_address("devtools://devtools")->port_number() == 0);
}

TEST_CASE("address: what is not an address") {
  for (std::string const text :
       {"", "host", "host:80", "://h", "http://", "http:///x", "http://h:", "http://h:0",
        "http://h:70000", "http://h:x", "http://[::1", "http://[h]", "http://::1/", "http://a b",
        "http://a\\@b", "http://\xc3\xa9", "http://h%00", "http://[::1]x"}) {
    CAPTURE(text);
    CHECK(!split_address(text));
  }
}

TEST_CASE("address: only this machine is loopback") {
  for (std::string const host :
       {"localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    CAPTURE(host);
    CHECK(is_loopback(host));
  }
  for (std::string const host :
       {"", "example.com", "localhost.example.com", "notlocalhost", "127.1", "0177.0.0.1",
        "128.0.0.1", "0.0.0.0", "127.0.0.1.example.com", "::", "::2", "10.0.0.1"}) {
    CAPTURE(host);
    CHECK(!is_loopback(host));
  }
  CHECK(split_address("ws://127.0.0.1@evil.example/")->host == "evil.example");
  CHECK(split_address("ws://evil.example/@127.0.0.1")->host == "evil.example");
}

TEST_CASE("address: base URLs are normalised as BCTRL's tools do") {
  struct {
    std::string text;
    std::string value;
  } const rows[] = {
      {"https://api.bctrl.ai/v1", "https://api.bctrl.ai/v1"},
      {"https://api.bctrl.ai", "https://api.bctrl.ai/v1"},
      {" https://api.bctrl.ai/// ", "https://api.bctrl.ai/v1"},
      {"https://api.bctrl.ai/v1//", "https://api.bctrl.ai/v1"},
      {"http://localhost:8787\n", "http://localhost:8787/v1"},
      {"https://x/api", "https://x/api/v1"},
      {"", ""},
  };
  for (auto const& row : rows) {
    CAPTURE(row.text);
    CHECK(normal_base_url(row.text) == row.value);
  }
}
