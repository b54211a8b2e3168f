#include "net/tunnel.hpp"

#include <doctest/doctest.h>

#include <array>

#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::net {
namespace {

using test::RawPeer;

using Bytes = std::string;

/// A proxy of which each answer is said beforehand: it reads so many bytes, then answers.
struct Step {
  Bytes expected;
  Bytes answer;
};

struct Bench {
  Loop loop;
  Tcp::acceptor acceptor{loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0)};

  TunnelProxy proxy(TunnelProxy::Protocol protocol, std::string userinfo = "") {
    TunnelProxy made;
    made.protocol = protocol;
    made.host = "127.0.0.1";
    made.port = acceptor.local_endpoint().port();
    made.userinfo = std::move(userinfo);
    return made;
  }

  awaitable<void> play(std::vector<Step> steps) {
    auto [ec, socket] = co_await acceptor.async_accept(no_throw);
    REQUIRE_FALSE(ec);
    RawPeer peer(std::move(socket));
    for (auto const& step : steps) {
      auto const got = co_await peer.read(step.expected.size());
      CHECK(got == step.expected);
      if (got != step.expected) co_return;
      co_await peer.send(step.answer);
    }
  }

  /// What the tunnel says first, or why there is none.
  std::string through(TunnelProxy by, std::string target, std::vector<Step> steps) {
    std::string said;
    auto const ask = [](Bench& self, TunnelProxy to, std::string url,
                        std::string& out) -> awaitable<void> {
      auto parsed = parse_url(url).value();
      auto bytes =
          co_await connect_through(self.loop, std::move(to), std::move(parsed), nullptr, 5s);
      if (!bytes) {
        out = bytes.error().text();
        co_return;
      }
      auto const first = co_await (*bytes)->receive();
      if (first) out.assign(first->data(), first->size());
    };
    auto const both = [](awaitable<void> one, awaitable<void> other) -> awaitable<void> {
      co_await (std::move(one) && std::move(other));
    };
    test::run(loop,
              both(ask(*this, std::move(by), std::move(target), said), play(std::move(steps))));
    return said;
  }
};

constexpr auto kHttp = TunnelProxy::Protocol::http;
constexpr auto kSocks = TunnelProxy::Protocol::socks5;

Bytes operator""_b(char const* text, std::size_t size) {
  return {text, size};
}

// What follows the greeting: a name, and the port 81.
Bytes const kAskName = "\x05\x01\x00\x03\x0chost.example\x00\x51"_b;
Bytes const kYes = "\x05\x00\x00\x01\x7f\x00\x00\x01\x10\x20"_b;

}  // namespace

TEST_CASE("tunnel: an HTTP proxy is asked with CONNECT, and with its user") {
  Bench bench;
  CHECK(bench.through(bench.proxy(kHttp), "http://host.example:81/",
                      {{"CONNECT host.example:81 HTTP/1.1\r\nHost: host.example:81\r\n\r\n",
                        "HTTP/1.1 200 OK\r\n\r\n"},
                       {"", "through"}}) == "through");
  CHECK(bench.through(bench.proxy(kHttp, "ada:pw"), "http://host.example:81/",
                      {{"CONNECT host.example:81 HTTP/1.1\r\nHost: host.example:81\r\n"
                        "Proxy-Authorization: Basic YWRhOnB3\r\n\r\n",
                        "HTTP/1.1 200 OK\r\n\r\n"},
                       {"", "through"}}) == "through");
  auto const refused =
      bench.through(bench.proxy(kHttp, "ada:pw"), "http://host.example:81/",
                    {{"CONNECT host.example:81 HTTP/1.1\r\nHost: host.example:81\r\n"
                      "Proxy-Authorization: Basic YWRhOnB3\r\n\r\n",
                      "HTTP/1.1 407 Proxy Authentication Required\r\n"
                      "Content-Length: 0\r\n\r\n"}});
  CHECK(refused.find("407 Proxy Authentication Required") != std::string::npos);
  CHECK(refused.find("pw") == std::string::npos);
}

TEST_CASE("tunnel: SOCKS5 by name and by address") {
  Bench bench;
  CHECK(bench.through(bench.proxy(kSocks), "http://host.example:81/",
                      {{"\x05\x01\x00"_b, "\x05\x00"_b}, {kAskName, kYes + "through"}}) ==
        "through");
  CHECK(bench.through(bench.proxy(kSocks), "http://127.0.0.2:81/",
                      {{"\x05\x01\x00"_b, "\x05\x00"_b},
                       {"\x05\x01\x00\x01\x7f\x00\x00\x02\x00\x51"_b, kYes + "through"}}) ==
        "through");
  CHECK(bench.through(bench.proxy(kSocks), "http://[::1]:81/",
                      {{"\x05\x01\x00"_b, "\x05\x00"_b},
                       {"\x05\x01\x00\x04"_b + Bytes(15, '\0') + "\x01\x00\x51"_b,
                        "\x05\x00\x00\x04"_b + Bytes(18, '\x07') + "through"}}) == "through");
  // The proxy may tell its own end by name.
  CHECK(bench.through(bench.proxy(kSocks), "http://host.example:81/",
                      {{"\x05\x01\x00"_b, "\x05\x00"_b},
                       {kAskName,
                        "\x05\x00\x00\x03\x04"
                        "self\x01\x02through"_b}}) == "through");
}

TEST_CASE("tunnel: SOCKS5 with a user") {
  Bench bench;
  Bytes const login =
      "\x01\x03"
      "ada\x02pw"_b;
  CHECK(bench.through(bench.proxy(kSocks, "ada:pw"), "http://host.example:81/",
                      {{"\x05\x02\x00\x02"_b, "\x05\x02"_b},
                       {login, "\x01\x00"_b},
                       {kAskName, kYes + "through"}}) == "through");
  // A proxy that asks for no user gets none.
  CHECK(bench.through(bench.proxy(kSocks, "ada:pw"), "http://host.example:81/",
                      {{"\x05\x02\x00\x02"_b, "\x05\x00"_b}, {kAskName, kYes + "through"}}) ==
        "through");
  auto const wrong = bench.through(bench.proxy(kSocks, "ada:pw"), "http://host.example:81/",
                                   {{"\x05\x02\x00\x02"_b, "\x05\x02"_b}, {login, "\x01\x01"_b}});
  CHECK(wrong.find("neither this user nor this password") != std::string::npos);
  CHECK(wrong.find("ada") == std::string::npos);
  auto const none = bench.through(bench.proxy(kSocks), "http://host.example:81/",
                                  {{"\x05\x01\x00"_b, "\x05\xff"_b}});
  CHECK(none.find("wants another authentication") != std::string::npos);
}

TEST_CASE("tunnel: names are looked up on our side when they are to be") {
  Bench bench;
  auto by = bench.proxy(kSocks);
  by.resolves_here = true;
  CHECK(bench.through(by, "http://localhost:81/",
                      {{"\x05\x01\x00"_b, "\x05\x00"_b},
                       {"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x51"_b, kYes + "through"}}) ==
        "through");
  auto http = bench.proxy(kHttp);
  http.resolves_here = true;
  CHECK(bench.through(http, "http://localhost:81/",
                      {{"CONNECT 127.0.0.1:81 HTTP/1.1\r\nHost: 127.0.0.1:81\r\n\r\n",
                        "HTTP/1.1 200 OK\r\n\r\n"},
                       {"", "through"}}) == "through");
}

TEST_CASE("tunnel: a proxy is asked for an address of IPv4 where there is one") {
  auto const chosen = [](std::vector<char const*> const& addresses) {
    std::vector<Tcp::endpoint> ends;
    for (auto const* address : addresses) ends.emplace_back(asio::ip::make_address(address), 81);
    return address_for_proxy(ends).to_string();
  };
  CHECK(chosen({"2001:db8::1", "192.0.2.1", "192.0.2.2"}) == "192.0.2.1");
  CHECK(chosen({"2001:db8::1", "2001:db8::2"}) == "2001:db8::1");
}

TEST_CASE("tunnel: what a SOCKS5 proxy refuses, and what is none, is told") {
  Bench bench;
  auto const said = [&](Bytes answer) {
    return bench.through(bench.proxy(kSocks), "http://host.example:81/",
                         {{"\x05\x01\x00"_b, "\x05\x00"_b}, {kAskName, std::move(answer)}});
  };
  CHECK(said("\x05\x05\x00\x01\x00"_b).find("(connection refused)") != std::string::npos);
  CHECK(said("\x05\x02\x00\x01\x00"_b).find("(not allowed by its rules)") != std::string::npos);
  CHECK(said("\x05\x00\x00\x09\x00"_b).find("does not speak SOCKS5") != std::string::npos);
  CHECK(said("\x05\x00"_b).find("the peer closed the connection") != std::string::npos);
  auto const web = bench.through(bench.proxy(kSocks), "http://host.example:81/",
                                 {{"\x05\x01\x00"_b, "HTTP/1.1 400 Bad Request\r\n\r\n"}});
  CHECK(web.find("does not speak SOCKS5") != std::string::npos);
}

}  // namespace bridge::net
