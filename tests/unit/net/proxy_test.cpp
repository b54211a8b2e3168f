#include "net/proxy.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace bridge;
using namespace bridge::net;

namespace {

using Env = std::map<std::string, std::string>;

Result<ProxySettings> from(Env const& env) {
  return ProxySettings::from_env([&env](char const* name) -> char const* {
    auto const found = env.find(name);
    return found == env.end() ? nullptr : found->second.c_str();
  });
}

std::string chosen(Env const& env, char const* url) {
  auto const settings = from(env);
  REQUIRE(settings.has_value());
  auto const proxy = settings->choose(*parse_url(url));
  return proxy ? proxy->origin() : "direct";
}

}  // namespace

TEST_CASE("proxy: the scheme decides which variable counts") {
  Env const env{{"HTTPS_PROXY", "http://s.example:3128"}, {"HTTP_PROXY", "http://p.example:8080"}};
  CHECK(chosen(env, "https://api.bctrl.ai/v1") == "http://s.example:3128");
  CHECK(chosen(env, "wss://cdp.example/x") == "http://s.example:3128");
  CHECK(chosen(env, "http://api.example/") == "http://p.example:8080");
  CHECK(chosen(env, "ws://cdp.example/x") == "http://p.example:8080");
  CHECK(chosen({}, "https://api.bctrl.ai/") == "direct");
}

TEST_CASE("proxy: lower case goes before upper case and ALL_PROXY comes last") {
  CHECK(chosen({{"https_proxy", "http://low.example"}, {"HTTPS_PROXY", "http://up.example"}},
               "https://a.example/") == "http://low.example:80");
  CHECK(chosen({{"ALL_PROXY", "http://all.example:1"}, {"HTTPS_PROXY", "http://s.example:2"}},
               "https://a.example/") == "http://s.example:2");
  CHECK(chosen({{"ALL_PROXY", "http://all.example:1"}}, "https://a.example/") ==
        "http://all.example:1");
  CHECK(chosen({{"ALL_PROXY", "http://all.example:1"}}, "http://a.example/") ==
        "http://all.example:1");
  CHECK(chosen({{"https_proxy", ""}, {"HTTPS_PROXY", "http://s.example:2"}},
               "https://a.example/") == "http://s.example:2");
}

TEST_CASE("proxy: HTTP_PROXY of a CGI request is a client's header and is ignored") {
  Env env{{"HTTP_PROXY", "http://evil.example:1"}, {"REQUEST_METHOD", "GET"}};
  CHECK(chosen(env, "http://a.example/") == "direct");
  env["http_proxy"] = "http://good.example:1";
  CHECK(chosen(env, "http://a.example/") == "http://good.example:1");
}

TEST_CASE("proxy: loopback is never sent through one") {
  Env const env{{"ALL_PROXY", "http://all.example:1"}};
  for (auto const* url : {"http://127.0.0.1:8787/v1", "http://localhost/", "ws://[::1]:9222/",
                          "https://app.localhost/"})
    CHECK(chosen(env, url) == "direct");
  auto const fixed = ProxySettings::fixed("http://all.example:1");
  REQUIRE(fixed.has_value());
  CHECK(!fixed->choose(*parse_url("http://127.0.0.1/")));
  CHECK(fixed->choose(*parse_url("http://10.0.0.1/")).has_value());
}

TEST_CASE("proxy: NO_PROXY") {
  struct Row {
    char const* no_proxy;
    char const* url;
    bool direct;
  };
  Row const rows[] = {
      {"*", "https://a.example/", true},
      {"a.example", "https://a.example/", true},
      {"a.example", "https://b.a.example/", true},
      {"a.example", "https://ba.example/", false},
      {".a.example", "https://b.a.example/", true},
      {".a.example", "https://a.example/", true},
      {"*.a.example", "https://b.a.example/", true},
      {"A.Example", "https://a.EXAMPLE/", true},
      {"x.example, a.example", "https://a.example/", true},
      {"x.example a.example", "https://a.example/", true},
      {" ,, ", "https://a.example/", false},
      {"a.example:443", "https://a.example/", true},
      {"a.example:8443", "https://a.example/", false},
      {"a.example:8443", "https://a.example:8443/", true},
      {"10.1.2.3", "https://10.1.2.3/", true},
      {"10.1.2.3", "https://10.1.2.30/", false},
      {"10.1.0.0/16", "https://10.1.2.3/", true},
      {"10.1.7.9/16", "https://10.1.2.3/", true},
      {"10.1.0.0/16", "https://10.2.0.1/", false},
      {"0.0.0.0/0", "https://10.2.0.1/", true},
      {"10.1.0.0/99", "https://10.1.0.1/", false},
      {"10.1.2.3:443", "https://10.1.2.3/", true},
      {"10.1.2.3:80", "https://10.1.2.3/", false},
      {"2001:db8::1", "https://[2001:db8::1]/", true},
      {"[2001:db8::1]:443", "https://[2001:db8::1]/", true},
      {"[2001:db8::1]:80", "https://[2001:db8::1]/", false},
      {"2001:db8::/32", "https://[2001:db8:1::1]/", true},
      {"2001:db8::/32", "https://[2001:db9::1]/", false},
      {"10.0.0.0/8", "https://[2001:db8::1]/", false},
      {"3.1", "https://10.1.3.1/", false},
  };
  for (auto const& row : rows) {
    CAPTURE(std::string(row.no_proxy));
    CAPTURE(std::string(row.url));
    Env const env{{"ALL_PROXY", "http://all.example:1"}, {"NO_PROXY", row.no_proxy}};
    CHECK((chosen(env, row.url) == "direct") == row.direct);
  }
}

TEST_CASE("proxy: an address without scheme is http, another scheme is an error without secrets") {
  CHECK(chosen({{"HTTPS_PROXY", "user:pw@proxy.example:3128"}}, "https://a.example/") ==
        "http://proxy.example:3128");
  for (auto const* bad : {"socks5://user:hunter22@p.example:1080",
                          "https://user:hunter22@p.example", "http://user:hunter22@"}) {
    auto const settings = from({{"ALL_PROXY", bad}});
    REQUIRE(!settings);
    CHECK(settings.error().text().find("ALL_PROXY") == 0);
    CHECK(settings.error().text().find("hunter22") == std::string::npos);
  }
  CHECK(!ProxySettings::fixed("socks5://p.example"));
}
