#include "net/http_exchange.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "net/http_server.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::net {
namespace {

using test::RawPeer;

/// Streams by path: /chunks three pieces, /counted with a length, /short less than it said, /half
/// stops in the middle, /endless writes until nobody listens, /silent says nothing until the peer
/// goes. /large is a reply that no socket's buffer holds.
class Streams final : public HttpHandler {
 public:
  awaitable<void> handle(HttpExchange& exchange) override {
    auto const& target = exchange.request().target;
    if (target == "/chunks") co_return co_await chunks(exchange);
    if (target == "/counted" || target == "/short") co_return co_await counted(exchange);
    if (target == "/half") co_return co_await half(exchange);
    if (target == "/endless") co_return co_await endless(exchange);
    if (target == "/silent") co_return co_await silent(exchange);
    if (target == "/upload") co_return co_await upload(exchange);
    if (target == "/large") co_return co_await large(exchange);
    HttpReply reply;
    reply.body = target;
    (void)co_await exchange.reply(std::move(reply));
  }

  std::optional<Duration> write_limit;
  std::optional<Error> failure;
  std::size_t written = 0;
  bool left = false;

  BodyPlan plan_body(HttpRequest const& head) override {
    BodyPlan plan;
    plan.in_pieces = head.target == "/upload" || head.target == "/unread";
    if (plan.in_pieces) plan.most = 64 * 1024 * 1024;
    return plan;
  }
  std::size_t largest_piece = 0;
  std::optional<Error> upload_failure;

 private:
  awaitable<void> upload(HttpExchange& exchange) {
    CHECK(exchange.request().body.empty());
    std::size_t total = 0;
    for (;;) {
      auto const piece = co_await exchange.read_piece();
      if (!piece) {
        upload_failure = piece.error();
        if (!piece.error().is(Errc::bad_message)) co_return;
        auto refusal = text_reply(exchange.refusal().status, exchange.refusal().text);
        (void)co_await exchange.reply(std::move(refusal));
        co_return;
      }
      if (!*piece) break;
      total += (*piece)->size();
      largest_piece = std::max(largest_piece, (*piece)->size());
    }
    HttpReply reply;
    reply.body = std::to_string(total);
    (void)co_await exchange.reply(std::move(reply));
  }

  awaitable<void> large(HttpExchange& exchange) {
    HttpReply reply;
    reply.body.assign(64 << 20, 'x');
    auto const sent = co_await exchange.reply(std::move(reply));
    if (!sent) failure = sent.error();
  }

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

HttpServerLimits small_bodies() {
  HttpServerLimits limits;
  limits.body_max = 100;
  return limits;
}

struct Bench {
  explicit Bench(HttpServerLimits limits = {}) : server(loop, handler, limits, "test") {
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

TEST_CASE("http_exchange: where the end of the connection is the end, half of a stream is reset") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send("GET /half HTTP/1.0\r\n\r\n");
    [[maybe_unused]] auto const got = co_await peer.read_to_end();
    CHECK(peer.ended == asio::error::connection_reset);
  });
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

TEST_CASE("http_exchange: a peer that takes nothing of a whole reply is cut off as well") {
  HttpServerLimits limits;
  limits.write_limit = 20ms;
  for (std::string const target : {"/large", "/endless"}) {
    Bench bench(limits);
    bench.run([&]() -> awaitable<void> {
      auto peer = bench.connect();
      co_await peer.send(get(target));
      auto const failed = [&] { return bench.handler.failure.has_value(); };
      co_await test::until(failed);
      CHECK(bench.handler.failure->is(Errc::timed_out));
      auto const none = [&] { return bench.server.connections() == 0; };
      co_await test::until(none);
    });
  }
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

namespace {

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

TEST_CASE("http_exchange: a body comes in pieces, and the next request behind it") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    std::string const million(1'000'000, 'x');
    co_await peer.send("POST /upload HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + million +
                       "POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                       "f4240\r\n" +
                       million + "\r\n0\r\n\r\n" +
                       "POST /upload HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + get("/next"));
    auto const expected = ok("1000000") + ok("1000003") + ok("0") + ok("/next");
    auto const got = co_await peer.read(expected.size());
    CHECK(got == expected);
    CHECK(bench.handler.largest_piece <= 64 * 1024 + 200);
  });
}

TEST_CASE("http_exchange: who waits for a word before the body gets it when the body is wanted") {
  Bench bench(small_bodies());
  bench.run([&]() -> awaitable<void> {
    for (std::string const target : {"/upload", "/whole"}) {
      auto peer = bench.connect();
      co_await peer.send("POST " + target +
                         " HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
      auto const word = co_await peer.read(kContinue.size());
      CHECK(word == kContinue);
      co_await peer.send("abc" + get("/next"));
      auto const expected = ok(target == "/upload" ? "3" : target) + ok("/next");
      auto const got = co_await peer.read(expected.size());
      CHECK(got == expected);
    }
    // Not when it came along, nor to HTTP/1.0.
    for (std::string const version : {"1.1", "1.0"}) {
      auto peer = bench.connect();
      co_await peer.send("POST /upload HTTP/" + version +
                         "\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
      auto const got = co_await peer.read(ok("3").size());
      CHECK(got == ok("3"));
    }
  });
}

TEST_CASE("http_exchange: a body larger than allowed is refused unread") {
  Bench bench(small_bodies());
  bench.run([&]() -> awaitable<void> {
    for (std::string const head :
         {"POST /whole HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n",
          "POST /whole HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n",
          "POST /upload HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n",
          "POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n"}) {
      CAPTURE(head);
      auto peer = bench.connect();
      co_await peer.send(head);
      auto const got = co_await peer.read_to_end();
      CHECK(got.starts_with("HTTP/1.1 413 Payload Too Large\r\n"));
      CHECK(peer.ended_well());
    }
  });
}

TEST_CASE("http_exchange: a body nobody read is not taken for the next request") {
  Bench bench(small_bodies());
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    auto const inner = get("/next");
    co_await peer.send("POST /unread HTTP/1.1\r\nContent-Length: " + std::to_string(inner.size()) +
                       "\r\n\r\n" + inner);
    auto const got = co_await peer.read_to_end();
    CHECK(got == ok("/unread"));
    CHECK(peer.ended_well());
  });
}

TEST_CASE("http_exchange: a body that stops or is no body ends the upload") {
  struct Row {
    bool close;
    bool timed_out;
  };
  for (auto const& row : {Row{true, false}, Row{false, true}}) {
    auto limits = small_bodies();
    if (row.timed_out) limits.request_deadline = 200ms;
    Bench bench(limits);
    bench.run([&]() -> awaitable<void> {
      auto peer = bench.connect();
      co_await peer.send("POST /upload HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
      if (row.close) peer.close();
      auto const failed = [&] { return bench.handler.upload_failure.has_value(); };
      co_await test::until(failed);
      CHECK(bench.handler.upload_failure->is(Errc::timed_out) == row.timed_out);
      peer.close();
    });
  }
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(
        "POST /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdefgh\r\n");
    auto const got = co_await peer.read_to_end();
    CHECK(got.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  });
}

}  // namespace bridge::net
