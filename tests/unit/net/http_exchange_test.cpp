#include "net/http_exchange.hpp"

#include <doctest/doctest.h>

#include <string>

#include "net/http_server.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::net {
namespace {

using test::RawPeer;

/// Streams by path: /chunks three pieces, /counted with a length, /short less than it said, /half
/// stops in the middle, /endless writes until nobody listens, /silent says nothing until the peer
/// goes.
class Streams final : public HttpHandler {
 public:
  awaitable<void> handle(HttpExchange& exchange) override {
    auto const& target = exchange.request().target;
    if (target == "/chunks") co_return co_await chunks(exchange);
    if (target == "/counted" || target == "/short") co_return co_await counted(exchange);
    if (target == "/half") co_return co_await half(exchange);
    if (target == "/endless") co_return co_await endless(exchange);
    if (target == "/silent") co_return co_await silent(exchange);
    HttpReply reply;
    reply.body = target;
    (void)co_await exchange.reply(std::move(reply));
  }

  std::optional<Duration> write_limit;
  std::optional<Error> failure;
  std::size_t written = 0;
  bool left = false;

 private:
  static HttpHeaders type() { return {{"Content-Type", "text/plain"}}; }

  awaitable<void> chunks(HttpExchange& exchange) {
    auto headers = type();
    (void)co_await exchange.begin_stream(200, std::move(headers));
    for (std::string const piece : {"one", "", "twenty characters are"})
      (void)co_await exchange.write(piece);
    (void)co_await exchange.end();
    auto const late = co_await exchange.write("late");
    CHECK_FALSE(late.has_value());
  }
  awaitable<void> counted(HttpExchange& exchange) {
    HttpHeaders headers = type();
    headers.emplace_back("Content-Length", "6");
    (void)co_await exchange.begin_stream(200, std::move(headers));
    (void)co_await exchange.write("abc");
    auto const too_much = co_await exchange.write("defg");
    if (exchange.request().method != "HEAD") CHECK_FALSE(too_much.has_value());
    if (exchange.request().target == "/counted") (void)co_await exchange.write("def");
    auto const ended = co_await exchange.end();
    if (exchange.request().target == "/short") CHECK_FALSE(ended.has_value());
  }
  awaitable<void> half(HttpExchange& exchange) {
    auto headers = type();
    (void)co_await exchange.begin_stream(200, std::move(headers));
    (void)co_await exchange.write("half");
  }
  awaitable<void> endless(HttpExchange& exchange) {
    auto headers = type();
    (void)co_await exchange.begin_stream(200, std::move(headers), write_limit);
    std::string const piece(64 * 1024, 'x');
    for (;;) {
      auto const sent = co_await exchange.write(piece);
      if (!sent) {
        failure = sent.error();
        co_return;
      }
      written += piece.size();
    }
  }
  awaitable<void> silent(HttpExchange& exchange) {
    auto headers = type();
    (void)co_await exchange.begin_stream(200, std::move(headers));
    co_await exchange.gone();
    left = true;
  }
};

struct Bench {
  Bench() : server(loop, handler, {}, "test") {
    REQUIRE(server.listen("127.0.0.1", 0).has_value());
    server.start();
  }
  template <class Body>
  void run(Body body) {
    auto all = [&]() -> awaitable<void> {
      co_await body();
      co_await server.stop();
    };
    test::run(loop, all());
    CHECK(server.connections() == 0);
  }
  RawPeer connect() { return RawPeer(test::connect_to_port(loop, server.port())); }

  Loop loop;
  Streams handler;
  HttpServer server;
};

std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("http_exchange: a stream is chunked, and the connection serves the next request") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/chunks") + get("/next"));
    auto const expected = std::string(kChunked) +
                          "3\r\none\r\n15\r\ntwenty characters are\r\n0\r\n\r\n"
                          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/next";
    auto const got = co_await peer.read(expected.size());
    CHECK(got == expected);
  });
}

TEST_CASE("http_exchange: HTTP/1.0 has no chunks, so the connection's end is the stream's") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    auto const got = co_await peer.read_to_end();
    CHECK(got ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
          "onetwenty characters are");
    CHECK(peer.ended_well());
  });
}

TEST_CASE("http_exchange: a stream of known length is sent as it is, and takes no byte more") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    std::string const head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n";
    co_await peer.send("HEAD /counted HTTP/1.1\r\n\r\n" + get("/counted") + get("/x"));
    auto const expected = head + head + "abcdef" + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/x";
    auto const got = co_await peer.read(expected.size());
    CHECK(got == expected);
  });
}

TEST_CASE("http_exchange: a stream that is not ended is cut off, not passed off as whole") {
  for (auto const* target : {"/half", "/short"}) {
    Bench bench;
    bench.run([&]() -> awaitable<void> {
      auto peer = bench.connect();
      co_await peer.send(get(target) + get("/next"));
      auto const got = co_await peer.read_to_end();
      CHECK(got.find("0\r\n\r\n") == std::string::npos);
      CHECK(got.find("/next") == std::string::npos);
      CHECK((got.ends_with("half\r\n") || got.ends_with("abc")));
    });
  }
}

TEST_CASE("http_exchange: a slow peer holds the writer up, and its going ends the stream") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/endless"));
    std::size_t before = 1;
    auto const at_rest = [&] {
      bool const same = bench.handler.written > 0 && before == bench.handler.written;
      before = bench.handler.written;
      return same;
    };
    for (int quiet = 0; quiet < 20; quiet = at_rest() ? quiet + 1 : 0)
      co_await test::let_others_run();
    CHECK(before < 64 * 1024 * 1024);
    CHECK_FALSE(bench.handler.failure);
    auto const some = co_await peer.read(16 * 1024 * 1024);
    CHECK(bench.handler.written > before);
    peer.reset();
    auto const failed = [&] { return bench.handler.failure.has_value(); };
    co_await test::until(failed);
  });
}

TEST_CASE("http_exchange: a peer that takes nothing for the write limit is cut off") {
  Bench bench;
  bench.handler.write_limit = 20ms;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/endless"));
    auto const failed = [&] { return bench.handler.failure.has_value(); };
    co_await test::until(failed);
    CHECK(bench.handler.failure->is(Errc::timed_out));
    auto const none = [&] { return bench.server.connections() == 0; };
    co_await test::until(none);
  });
}

TEST_CASE("http_exchange: a silent stream ends when its peer goes") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/silent"));
    auto const head = co_await peer.read(kChunked.size());
    CHECK(head == kChunked);
    peer.close();
    auto const left = [&] { return bench.handler.left; };
    co_await test::until(left);
  });
}

}  // namespace bridge::net
