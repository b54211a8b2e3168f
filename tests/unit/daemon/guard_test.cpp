#include "daemon/guard.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/http_request_reader.hpp"
#include "tests/fakes/chunks.hpp"

using namespace bridge;

namespace {

using Names = std::vector<std::string>;

/// A request as it came to 127.0.0.1:9222, or to [::1]:9222.
struct Asked {
  explicit Asked(net::HttpHeaders headers = {}, std::string authority = "127.0.0.1:9222")
      : exchange(loop, bytes, reader, with(std::move(headers)), std::move(authority), {}) {}

  static net::HttpRequest with(net::HttpHeaders headers) {
    net::HttpRequest request;
    request.method = "GET";
    request.target = "/json/version";
    request.headers = std::move(headers);
    return request;
  }

  net::Loop loop;
  std::unique_ptr<net::SocketStream> bytes =
      std::make_unique<test::Chunks>(std::deque<std::string>{});
  net::HttpRequestReader reader{*bytes, 1024, 1024};
  net::HttpExchange exchange;
};

std::optional<net::HttpReply> host(std::string value, Names const& allowed = {}) {
  return check_host(Asked({{"Host", std::move(value)}}).exchange, allowed);
}

std::optional<net::HttpReply> origin(std::string value, Names const& allowed = {},
                                     std::string authority = "127.0.0.1:9222") {
  return check_origin(Asked({{"Origin", std::move(value)}}, std::move(authority)).exchange,
                      allowed);
}

std::optional<net::HttpReply> forged(net::HttpHeaders headers, Names const& allowed = {}) {
  return check_not_forged(Asked(std::move(headers)).exchange, allowed);
}

}  // namespace

TEST_CASE("guard: hosts that are this machine beyond doubt pass") {
  for (std::string const value :
       {"localhost", "LOCALHOST", "localhost.", "x.localhost", "localhost:1", "localhost:65535",
        "127.0.0.1", "127.0.0.1:9222", "0.0.0.0", "8.8.8.8", "192.168.1.7:80", "[::1]",
        "[::1]:9222", "[fe80::1]", "127.1", "2130706433", "0x7f000001", "127.0.0.1.", ""}) {
    CAPTURE(value);
    CHECK_FALSE(host(value).has_value());
  }
  CHECK_FALSE(check_host(Asked().exchange, {}).has_value());
}

TEST_CASE("guard: hosts that a name server decides about are refused") {
  for (std::string const value :
       {"example.com", "my-laptop", "host.docker.internal", "localhost6", "localhost.localdomain",
        "127.0.0.1.nip.io", "::1", "localhost:99999", "localhost:x", "127.0.0.1:65536",
        "127.0.0.1:-1", "[::1", "[::1]x", "[127.0.0.1]", ".localhost", "evil.com:9222",
        // Chrome takes these by accident; an intended difference.
        "user@127.0.0.1", "127.0.0.1/x", "127.0.0.1?x", "127.0.0.1#x", "127.0.0.1\\x",
        "loc%61lhost"}) {
    CAPTURE(value);
    auto const refused = host(value);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 500);
    CHECK(refused->body == "Host header is specified and is not an IP address or localhost.");
    CHECK(refused->header("Content-Type") == "text/html");
  }
}

TEST_CASE("guard: two Host headers are refused, even equal ones") {
  Names const allowed{"localhost"};
  net::HttpHeaders const both{{"Host", "localhost"}, {"host", "localhost"}};
  Asked const asked(both);
  CHECK(check_host(asked.exchange, allowed).has_value());
}

TEST_CASE("guard: configured hosts pass with any port and in any case") {
  Names const allowed{"host.docker.internal"};
  CHECK_FALSE(host("host.docker.internal", allowed).has_value());
  CHECK_FALSE(host("Host.Docker.Internal:9222", allowed).has_value());
  CHECK(host("x.host.docker.internal", allowed).has_value());
  CHECK(host("host.docker.internal@evil.com", allowed).has_value());
  for (std::string const value :
       {"host.docker.internal:@evil.com", "host.docker.internal:80@evil.com",
        "host.docker.internal:x", "host.docker.internal:65536", "[host.docker.internal]"}) {
    CAPTURE(value);
    CHECK(host(value, allowed).has_value());
  }
}

// Only the first was looked at.
TEST_CASE("guard: every Origin and every Sec-Fetch-Site counts") {
  net::HttpHeaders const origins{{"Origin", "http://127.0.0.1:9222"},
                                 {"origin", "https://evil.com"}};
  CHECK(check_origin(Asked(origins).exchange, {}).has_value());
  CHECK(forged(origins).has_value());
  CHECK(forged({{"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site"}}).has_value());
}

TEST_CASE("guard: a handshake without Origin, or from our own address, passes") {
  CHECK_FALSE(check_origin(Asked().exchange, {}).has_value());
  CHECK_FALSE(origin("http://127.0.0.1:9222").has_value());
  CHECK_FALSE(origin("HTTP://127.0.0.1:9222/").has_value());
  CHECK_FALSE(origin("http://[::1]:9222", {}, "[::1]:9222").has_value());
}

TEST_CASE("guard: the Host header does not make an origin our own") {
  net::HttpHeaders const same{{"Host", "evil.localhost:9222"},
                              {"Origin", "http://evil.localhost:9222"}};
  Asked const asked(same);
  CHECK(check_origin(asked.exchange, {}).has_value());
}

TEST_CASE("guard: every other origin is refused, with the setting that would allow it") {
  for (std::string const value :
       {"http://localhost:9222", "https://127.0.0.1:9222", "http://127.0.0.1",
        "http://127.0.0.1:9223", "null", "", "file://", "devtools://devtools",
        "https://chrome-devtools-frontend.appspot.com", "chrome-extension://abc"}) {
    CAPTURE(value);
    auto const refused = origin(value);
    REQUIRE(refused.has_value());
    CHECK(refused->status == 403);
    CHECK(refused->body.find("allowed_origins") != std::string::npos);
  }
  CHECK(origin("http://[::1]:9222").has_value());
}

TEST_CASE("guard: a refused origin is quoted without its mark-up") {
  auto const refused = origin("http://<script>");
  REQUIRE(refused.has_value());
  CHECK(refused->body.find("<script>") == std::string::npos);
  CHECK(refused->body.find("http://&lt;script&gt;") != std::string::npos);
}

TEST_CASE("guard: configured origins pass exactly, a star passes all") {
  config::Bridge const config;
  CHECK_FALSE(origin("devtools://devtools", config.allowed_origins).has_value());
  Names const allowed{"https://tool.test"};
  CHECK_FALSE(origin("https://Tool.test", allowed).has_value());
  CHECK_FALSE(origin("https://tool.test/", allowed).has_value());
  CHECK(origin("https://tool.test:444", allowed).has_value());
  CHECK(origin("https://tool.test.evil.com", allowed).has_value());
  Names const all{"*"};
  CHECK_FALSE(origin("null", all).has_value());
}

// Chromium does not look; a web page could open and close tabs.
TEST_CASE("guard: a page of another site cannot open, close or activate a target") {
  CHECK_FALSE(forged(net::HttpHeaders{}).has_value());
  CHECK_FALSE(forged({{"Sec-Fetch-Site", "none"}}).has_value());
  CHECK_FALSE(forged({{"Sec-Fetch-Site", "same-origin"}}).has_value());
  CHECK_FALSE(forged({{"Origin", "http://127.0.0.1:9222"}}).has_value());
  for (std::string const site : {"cross-site", "same-site", "Cross-Site"}) {
    CAPTURE(site);
    auto const refused = forged({{"Sec-Fetch-Site", site}});
    REQUIRE(refused.has_value());
    CHECK(refused->status == 403);
  }
  CHECK(forged({{"Origin", "https://evil.com"}}).has_value());
  Names const allowed{"https://tool.test"};
  CHECK_FALSE(forged({{"Origin", "https://tool.test"}}, allowed).has_value());
  CHECK(forged({{"Origin", "https://tool.test"}, {"Sec-Fetch-Site", "cross-site"}}, allowed)
            .has_value());
}
