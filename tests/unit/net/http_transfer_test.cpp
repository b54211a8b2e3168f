#include "net/http_transfer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/http_server.hpp"
#include "tests/fakes/http_script.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::net;
using test::HttpScript;

namespace {

struct Receiver final : ReplyReceiver {
  Result<void> begin(HttpReply const& head) override {
    status = head.status;
    ++begun;
    return {};
  }
  Result<void> take(std::string_view piece) override {
    body += piece;
    ++pieces;
    if (enough != 0 && body.size() >= enough) return Error(Errc::cancelled, "enough");
    return {};
  }
  unsigned status = 0;
  int begun = 0;
  int pieces = 0;
  std::string body;
  std::size_t enough = 0;
};

struct Source final : BodySource {
  explicit Source(std::vector<std::string> given) : pieces(std::move(given)) {}
  [[nodiscard]] std::uint64_t size() const override {
    std::uint64_t sum = 0;
    for (auto const& piece : pieces) sum += piece.size();
    return sum;
  }
  Result<std::string_view> next() override {
    if (broken) return Error(Errc::refused, "the file went away");
    return at == pieces.size() ? std::string_view() : std::string_view(pieces[at++]);
  }
  std::vector<std::string> pieces;
  std::size_t at = 0;
  bool broken = false;
};

struct Bench {
  Loop loop;
  HttpScript server{loop};
  Receiver receiver;

  Result<void> move(BodySource* body = nullptr, Duration silence = 10s,
                    HttpHeaders const& headers = {}) {
    HttpRequest request;
    request.method = body != nullptr ? "POST" : "GET";
    request.headers = headers;
    Result<void> out = Error();
    auto run = [&]() -> awaitable<void> {
      auto url = parse_url(server.url("/v1/x")).value();
      Reach const reach;
      out = co_await transfer(loop, reach, std::move(url), request, body, receiver, silence);
    };
    test::drive(loop, run());
    return out;
  }
  ~Bench() { test::run(loop, server.stop()); }
};

}  // namespace

TEST_CASE("http_transfer: body and reply go in pieces") {
  Bench bench;
  std::string const large(300'000, 'y');
  bench.server.raw(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: " +
      std::to_string(large.size()) + "\r\n\r\n" + large);
  Source source({"ab", std::string(100'000, 'c'), "d"});
  REQUIRE(bench.move(&source).has_value());
  CHECK(bench.receiver.begun == 1);
  CHECK(bench.receiver.status == 200);
  CHECK(bench.receiver.body == large);
  CHECK(bench.receiver.pieces > 1);
  REQUIRE(bench.server.seen().size() == 1);
  CHECK(bench.server.seen()[0].line() == "POST /v1/x HTTP/1.1");
  CHECK(bench.server.seen()[0].has("Content-Length: 100003"));
  CHECK(bench.server.seen()[0].body == "ab" + std::string(100'000, 'c') + "d");
}

TEST_CASE("http_transfer: a reply without length lasts until its end, chunked or not") {
  Bench bench;
  bench.server.raw(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  REQUIRE(bench.move().has_value());
  CHECK(bench.receiver.body == "abc");
  bench.receiver = {};
  bench.server.raw_then_close("HTTP/1.1 500 No\r\n\r\nsorry");
  REQUIRE(bench.move().has_value());
  CHECK(bench.receiver.status == 500);
  CHECK(bench.receiver.body == "sorry");
}

TEST_CASE("http_transfer: a server that answers before it has read the body is heard") {
  struct Refuser final : HttpHandler {
    BodyPlan plan_body(HttpRequest const&) override {
      BodyPlan plan;
      plan.most = 10;
      return plan;
    }
    awaitable<void> handle(HttpExchange& exchange) override {
      auto reply = text_reply(200, "taken");
      co_await exchange.reply(std::move(reply));
    }
  };
  Loop loop;
  Refuser refuser;
  HttpServer server(loop, refuser, {}, "refuser");
  server.listen("127.0.0.1", 0).value();
  server.start();
  Source source(std::vector<std::string>(400, std::string(65'536, 'z')));
  // What is held is heard of as what is asked for.
  auto run = [&](std::string held, BodySource* body) -> awaitable<void> {
    auto url = parse_url("http://127.0.0.1:" + std::to_string(server.port()) + "/").value();
    HttpRequest request;
    request.method = "POST";
    request.body = std::move(held);
    Reach const reach;
    Receiver receiver;
    auto const done = co_await transfer(loop, reach, std::move(url), request, body, receiver, 10s);
    CHECK(done.has_value());
    CHECK(receiver.status == 413);
  };
  auto both = [&]() -> awaitable<void> {
    co_await run("", &source);
    std::string large(26'000'000, 'z');
    co_await run(std::move(large), nullptr);
    co_await server.stop();
  };
  test::run(loop, both());
  CHECK(source.at < source.pieces.size());
}

TEST_CASE("http_transfer: a server that takes nothing does not hold a held body up for ever") {
  Loop loop;
  Tcp::acceptor acceptor(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto run = [&]() -> awaitable<void> {
    auto url =
        parse_url("http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/")
            .value();
    HttpRequest request;
    request.method = "POST";
    request.body.assign(64 << 20, 'z');
    Reach const reach;
    Receiver receiver;
    auto const done =
        co_await transfer(loop, reach, std::move(url), request, nullptr, receiver, 50ms);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().is(Errc::timed_out));
  };
  test::run(loop, run());
}

TEST_CASE("http_transfer: what goes wrong is an error") {
  Bench bench;
  SUBCASE("silence") {
    bench.server.hang();
    CHECK(bench.move(nullptr, 50ms).error().is(Errc::timed_out));
  }
  SUBCASE("a reply cut short") {
    bench.server.raw_then_close("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    CHECK(bench.move().error().is(Errc::bad_message));
    CHECK(bench.receiver.body == "ab");
  }
  SUBCASE("a receiver that has enough") {
    bench.receiver.enough = 2;
    bench.server.raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabc");
    CHECK(bench.move().error().is(Errc::cancelled));
  }
  SUBCASE("a body that cannot be read") {
    Source source({"abc"});
    source.broken = true;
    bench.server.hang();
    CHECK(bench.move(&source).error().text().find("the file went away") != std::string::npos);
  }
  SUBCASE("a header that would forge another") {
    CHECK(bench.move(nullptr, 10s, {{"X", "1\r\nY: 2"}}).error().is(Errc::bad_message));
    CHECK(bench.server.seen().empty());
  }
}
