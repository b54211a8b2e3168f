#include "local/proxy_relay.hpp"

#include <doctest/doctest.h>

#include <array>

#include "net/http_client.hpp"
#include "net/plain_stream.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::local;
using namespace bridge::test;

namespace {

awaitable<void> say(net::ByteStream& to, std::string text) {
  std::array<asio::const_buffer, 1> const pieces{asio::buffer(text)};
  auto const sent = co_await to.send(pieces);
  CHECK(sent.has_value());
}

/// Hears at least `size` bytes, less when the peer ends first.
awaitable<std::string> hear(net::ByteStream& from, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    auto const bytes = co_await from.receive();
    if (!bytes) break;
    text.append(bytes->data(), bytes->size());
  }
  co_return text;
}

/// A relay before a proxy that the test plays itself.
struct Relayed {
  net::Loop loop;
  Tcp::acceptor acceptor{loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::unique_ptr<ProxyRelay> relay;

  explicit Relayed(std::string protocol) {
    RuntimePlan::Proxy proxy;
    proxy.protocol = std::move(protocol);
    proxy.host = "127.0.0.1";
    proxy.port = acceptor.local_endpoint().port();
    proxy.username = "user";
    proxy.password = "canary-pw";
    relay = std::make_unique<ProxyRelay>(loop, std::move(proxy), Log("test"));
    REQUIRE(relay->start().has_value());
  }
  awaitable<std::unique_ptr<net::ByteStream>> client() {
    net::Url url;
    url.scheme = "http";
    url.host = relay->substitute().host;
    url.port = relay->substitute().port;
    net::Reach const reach;
    auto stream = co_await net::connect_to(loop, std::move(url), reach);
    co_return std::move(stream.value());
  }
  awaitable<std::unique_ptr<net::ByteStream>> proxy() {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::generic::stream_protocol::socket plain(std::move(socket));
    co_return net::make_plain_stream(loop, std::move(plain), "relay");
  }
  template <class Body>
  void play(Body body) {
    auto const whole = [](Relayed& on, Body& work) -> awaitable<void> {
      co_await work(on);
      co_await on.relay->stop();
    };
    bridge::test::run(loop, whole(*this, body));
  }
};

}  // namespace

TEST_CASE("proxy relay: Chromium is told of no login") {
  Relayed relayed("http");
  relayed.play([](Relayed& on) -> awaitable<void> {
    auto const shown = on.relay->substitute();
    CHECK(shown.protocol == "http");
    CHECK_FALSE(shown.wants_login());
    co_return;
  });
}

TEST_CASE("proxy relay: a tunnel is opened with the login and then left alone") {
  Relayed relayed("http");
  relayed.play([](Relayed& on) -> awaitable<void> {
    auto client = co_await on.client();
    co_await say(*client, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nearly");
    auto proxy = co_await on.proxy();
    std::string const expected =
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"
        "Proxy-Authorization: Basic dXNlcjpjYW5hcnktcHc=\r\n\r\nearly";
    auto const asked = co_await hear(*proxy, expected.size());
    CHECK(asked == expected);
    co_await say(*proxy, "HTTP/1.1 200 OK\r\n\r\nhello");
    auto const answer = co_await hear(*client, 24);
    CHECK(answer == "HTTP/1.1 200 OK\r\n\r\nhello");
    proxy->shutdown_send();
    auto const rest = co_await hear(*client, 1);
    CHECK(rest.empty());
    client->shutdown_send();
    auto const end = co_await hear(*proxy, 1);
    CHECK(end.empty());
  });
}

TEST_CASE("proxy relay: a plain request is one exchange; interim replies go through") {
  Relayed relayed("http");
  relayed.play([](Relayed& on) -> awaitable<void> {
    auto client = co_await on.client();
    co_await say(*client, "POST http://a/ HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
    auto proxy = co_await on.proxy();
    auto const asked = co_await hear(*proxy, 60);
    CHECK(asked.find("Connection: close\r\n") != std::string::npos);
    co_await say(*client, "body");
    auto const body = co_await hear(*proxy, 4);
    CHECK(body == "body");
    std::string const interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    co_await say(*proxy, interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    std::string const expected =
        interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    auto const answer = co_await hear(*client, expected.size());
    CHECK(answer == expected);
  });
}

TEST_CASE("proxy relay: a proxy that is not there is a 502") {
  Relayed relayed("http");
  relayed.acceptor.close();
  relayed.play([](Relayed& on) -> awaitable<void> {
    auto client = co_await on.client();
    co_await say(*client, "GET http://a/ HTTP/1.1\r\n\r\n");
    auto const answer = co_await hear(*client, 1000);
    CHECK(answer.starts_with("HTTP/1.1 502 "));
  });
}

TEST_CASE("proxy relay: SOCKS logs in for Chromium, who then speaks to the proxy itself") {
  Relayed relayed("socks5");
  relayed.play([](Relayed& on) -> awaitable<void> {
    auto client = co_await on.client();
    co_await say(*client, std::string("\x05\x01\x00", 3));
    auto proxy = co_await on.proxy();
    auto const offer = co_await hear(*proxy, 4);
    CHECK(offer == std::string("\x05\x02\x00\x02", 4));
    co_await say(*proxy, "\x05\x02");
    auto const login = co_await hear(*proxy, 16);
    CHECK(login ==
          "\x01\x04user\x09"
          "canary-pw");
    co_await say(*proxy, std::string("\x01\x00", 2));
    auto const welcome = co_await hear(*client, 2);
    CHECK(welcome == std::string("\x05\x00", 2));
    co_await say(*client, "request");
    auto const request = co_await hear(*proxy, 7);
    CHECK(request == "request");
  });
}

TEST_CASE("proxy relay: SOCKS lets nobody in whom the proxy refuses") {
  Relayed relayed("socks5");
  relayed.play([](Relayed& on) -> awaitable<void> {
    auto client = co_await on.client();
    co_await say(*client, std::string("\x05\x01\x00", 3));
    auto proxy = co_await on.proxy();
    [[maybe_unused]] auto const offer = co_await hear(*proxy, 4);
    co_await say(*proxy, "\x05\x02");
    [[maybe_unused]] auto const login = co_await hear(*proxy, 16);
    co_await say(*proxy, "\x01\x01");
    auto const answer = co_await hear(*client, 1);
    CHECK(answer.empty());
  });
}
