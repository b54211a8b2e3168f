#include "net/http_client.hpp"

#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <string>

#include "net/tasks.hpp"
#include "tests/fakes/http_script.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::net;
using test::HttpScript;

namespace {

HttpRequest request(std::string method, std::string body = {}) {
  HttpRequest out;
  out.method = std::move(method);
  out.body = std::move(body);
  return out;
}

/// A client beside a scripted server, and a way to ask it.
struct Bench {
  Loop loop;
  HttpScript server{loop};
  HttpClient client{loop, Reach{}};

  Result<HttpReply> ask(std::string const& url, HttpRequest what, Duration limit = 10s) {
    Result<HttpReply> out = Error();
    auto body = [&]() -> awaitable<void> {
      auto address = parse_url(url).value();
      out = co_await client.send(std::move(address), std::move(what), limit);
    };
    test::drive(loop, body());
    return out;
  }
  Result<HttpReply> ask(HttpRequest what) { return ask(server.url("/v1/x?y=1"), std::move(what)); }

  ~Bench() {
    client.close_idle();
    test::run(loop, server.stop());
  }
};

}  // namespace

TEST_CASE("http_client: a request carries host, target, headers and length") {
  Bench bench;
  bench.server.json(201, R"({"ok":true})");
  auto what = request("POST", R"({"a":1})");
  what.target = "/ignored";
  what.headers.emplace_back("X-One", "1");
  auto const reply = bench.ask(what);
  REQUIRE(reply.has_value());
  CHECK(reply->status == 201);
  CHECK(reply->header("content-type") == "application/json");
  CHECK(reply->body == R"({"ok":true})");
  auto const& seen = bench.server.seen().at(0);
  CHECK(seen.line() == "POST /v1/x?y=1 HTTP/1.1");
  CHECK(seen.has("\r\nHost: 127.0.0.1:" + std::to_string(bench.server.port()) + "\r\n"));
  CHECK(seen.has("\r\nX-One: 1\r\n"));
  CHECK(seen.has("\r\nContent-Length: 7\r\n"));
  CHECK(seen.body == R"({"a":1})");
}

TEST_CASE("http_client: GET uses a kept connection, other methods a new one") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.server.json(200, "{}");
  for (auto const* method : {"GET", "GET", "POST", "HEAD", "DELETE"}) {
    // A HEAD reply with a body would leave it on the wire.
    if (std::string_view(method) == "HEAD") bench.client.close_idle();
    REQUIRE(bench.ask(request(method)).has_value());
  }
  auto const& seen = bench.server.seen();
  REQUIRE(seen.size() == 5);
  CHECK(seen[0].connection == 1);
  CHECK(seen[1].connection == 1);
  CHECK(seen[2].connection == 2);
  CHECK(seen[3].connection == 3);
  CHECK(seen[4].connection == 4);
}

TEST_CASE("http_client: a GET on a connection that the server closed is sent again, a POST never") {
  Bench bench;
  bench.server.json(200, "{}").raw_then_close().json(200, R"({"n":2})").raw_then_close();
  REQUIRE(bench.ask(request("GET")).has_value());
  auto const again = bench.ask(request("GET"));
  REQUIRE(again.has_value());
  CHECK(again->body == R"({"n":2})");
  CHECK(bench.server.seen().size() == 3);
  CHECK(bench.server.connections() == 2);

  auto const post = bench.ask(request("POST"));
  REQUIRE(!post);
  CHECK(post.error().is(Errc::end_of_stream));
  CHECK(bench.server.seen().size() == 4);
}

TEST_CASE("http_client: a new connection that breaks is an error even for GET") {
  Bench bench;
  bench.server.raw_then_close().json(200, "{}");
  auto const reply = bench.ask(request("GET"));
  REQUIRE(!reply);
  CHECK(reply.error().is(Errc::end_of_stream));
  CHECK(bench.server.seen().size() == 1);
}

TEST_CASE("http_client: redirects are handed to the caller") {
  Bench bench;
  bench.server.json(302, "", "Location: http://127.0.0.1:1/\r\n");
  auto const reply = bench.ask(request("GET"));
  REQUIRE(reply.has_value());
  CHECK(reply->status == 302);
  CHECK(bench.server.seen().size() == 1);
}

TEST_CASE("http_client: a silent server runs into the limit, and the error names the origin only") {
  Bench bench;
  bench.server.hang();
  auto const reply = bench.ask(bench.server.url("/secret?token=s"), request("GET"), 30ms);
  REQUIRE(!reply);
  CHECK(reply.error().is(Errc::timed_out));
  CHECK(reply.error().doing == "GET " + bench.server.url());
}

TEST_CASE("http_client: broken replies and refused connections are errors with their cause") {
  Bench bench;
  bench.server.raw_then_close("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  auto const cut = bench.ask(request("GET"));
  REQUIRE(!cut);
  CHECK(cut.error().is(Errc::bad_message));

  Tcp::acceptor closed(bench.loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto const url = "http://127.0.0.1:" + std::to_string(closed.local_endpoint().port());
  closed.close();
  auto const refused = bench.ask(url + "/secret", request("GET"));
  REQUIRE(!refused);
  CHECK(refused.error().text() == "connect " + url + ": Connection refused");
}

TEST_CASE("http_client: localhost is this machine, on either family, without a name server") {
  Bench bench;
  bench.server.json(200, "{}");
  auto const port = std::to_string(bench.server.port());
  CHECK(bench.ask("http://app.localhost:" + port + "/", request("GET")).has_value());
}

TEST_CASE("http_client: https without TLS set up is an error") {
  Bench bench;
  auto const port = std::to_string(bench.server.port());
  auto const reply = bench.ask("https://127.0.0.1:" + port + "/", request("GET"));
  REQUIRE(!reply);
  CHECK(reply.error().is(Errc::refused));
}

TEST_CASE("http_client: a line break in a header is refused before anything is sent") {
  Bench bench;
  for (auto const* value : {"a\r\nX-Evil: 1", "a\nb", "a\rb"}) {
    auto what = request("GET");
    what.headers.emplace_back("X-A", value);
    auto const reply = bench.ask(what);
    REQUIRE(!reply);
    CHECK(reply.error().is(Errc::bad_message));
  }
  CHECK(bench.server.connections() == 0);
}

namespace {

Result<HttpReply> through(Loop& loop, std::string const& proxy, char const* url) {
  Reach reach;
  reach.proxies = ProxySettings::fixed(proxy).value();
  HttpClient client(loop, reach);
  Result<HttpReply> out = Error();
  auto body = [&]() -> awaitable<void> {
    auto address = parse_url(url).value();
    auto what = request("GET");
    out = co_await client.send(std::move(address), std::move(what), 10s);
  };
  test::drive(loop, body());
  return out;
}

}  // namespace

TEST_CASE("http_client: a proxy gets CONNECT with the password, the server gets neither") {
  Bench bench;
  bench.server.raw("HTTP/1.1 200 Connection established\r\nContent-Length: 99\r\n\r\n")
      .json(200, "{}");
  auto const at = "127.0.0.1:" + std::to_string(bench.server.port());
  auto const reply =
      through(bench.loop, "http://user:pa%3Ass@" + at, "http://far.example:8080/v1/x");
  REQUIRE(reply.has_value());
  auto const& seen = bench.server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].line() == "CONNECT far.example:8080 HTTP/1.1");
  CHECK(seen[0].has("\r\nProxy-Authorization: Basic dXNlcjpwYTpzcw==\r\n"));
  CHECK(seen[1].line() == "GET /v1/x HTTP/1.1");
  CHECK(!seen[1].has("Proxy-Authorization"));
}

TEST_CASE("http_client: a proxy's refusal is told without its password") {
  Bench bench;
  bench.server.json(407, "no");
  auto const at = "127.0.0.1:" + std::to_string(bench.server.port());
  auto const reply = through(bench.loop, "http://user:hunter22@" + at, "http://far.example/secret");
  REQUIRE(!reply);
  CHECK(reply.error().is(Errc::refused));
  CHECK(reply.error().doing == "connect http://far.example:80 through proxy http://" + at +
                                   " (407 Proxy Authentication Required)");
}

TEST_CASE("http_client: cancelling a call ends it at once") {
  Bench bench;
  bench.server.hang();
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(bench.loop.executor());
    auto call = [&]() -> awaitable<void> {
      auto address = parse_url(bench.server.url()).value();
      auto what = request("GET");
      (void)co_await bench.client.send(std::move(address), std::move(what), 50s);
    };
    tasks.spawn("call", call());
    while (bench.server.seen().empty()) co_await asio::post(bench.loop.io(), asio::use_awaitable);
    tasks.stop();
    co_await tasks.join();
  };
  test::drive(bench.loop, body());
  CHECK(bench.server.seen().size() == 1);
}
