#include "net/http_request_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/tasks.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kHeaderMax = 1000;
constexpr std::size_t kBodyMax = 100;

/// What the reader makes of `sent`, which comes in pieces of `piece` bytes: "GET /x body" for each
/// request, then "bad <status>" or "end". Bodies of /pieces are asked for piece by piece.
std::vector<std::string> reads(std::string sent, std::size_t piece = SIZE_MAX) {
  Loop loop;
  test::SocketPair pair(loop);
  auto const bytes = pair.take_near(loop);
  test::RawPeer peer(std::move(pair.far));
  HttpRequestReader reader(*bytes, kHeaderMax, kBodyMax);
  std::vector<std::string> out;
  auto write = [](test::RawPeer& to, std::string text, std::size_t n) -> awaitable<void> {
    for (std::size_t at = 0; at < text.size(); at += std::min(n, text.size() - at)) {
      auto const went = co_await to.send(text.substr(at, n));
      if (!went) co_return;
      if (n < text.size()) co_await test::let_others_run(2);
    }
    to.finish();
  };
  HttpRequestReader::Plan const plan = [](HttpRequest const& head) {
    BodyPlan wanted;
    wanted.in_pieces = head.target == "/pieces";
    if (wanted.in_pieces) wanted.most = 2 * kBodyMax;
    return wanted;
  };
  auto read = [&]() -> awaitable<void> {
    for (;;) {
      auto const begun = co_await reader.wait_for_first_byte();
      if (!begun) {
        out.emplace_back("end");
        co_return;
      }
      auto request = co_await reader.read(plan);
      Error failure = request ? Error() : request.error();
      while (request && reader.body_left()) {
        auto const next = co_await reader.read_piece();
        if (!next) failure = next.error();
        if (!next || !*next) break;
        request->body += **next;
      }
      if (failure.code) {
        out.push_back(failure.is(Errc::bad_message) ? "bad " + std::to_string(reader.why().status)
                                                    : "cut short");
        co_return;
      }
      out.push_back(request->method + " " + request->target + " " + request->body +
                    (reader.last() ? " last" : ""));
    }
  };
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.spawn("write", write(peer, sent, piece));
    co_await read();
    bytes->close();
    co_await tasks.join();
  };
  test::run(loop, body());
  return out;
}

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "http_request_reader: requests in a row are read one after the other, however they are cut") {
  std::string const sent =
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /b?q HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "PUT /json/new?http://x/<a>|b HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      "GET /d HTTP/1.1\r\nConnection: close\r\n\r\n";
  Seen const expected{"GET /a ",       "POST /b?q hello", "PUT /json/new?http://x/<a>|b ",
                      "POST /c abcde", "GET /d  last",    "end"};
  for (std::size_t const piece : {SIZE_MAX, 1UL, 7UL, 100UL}) {
    CAPTURE(piece);
    CHECK(reads(sent, piece) == expected);
  }
}

TEST_CASE("http_request_reader: a body in pieces has the limit that is said for it") {
  std::string const body(150, 'b');
  auto const counted = "POST /pieces HTTP/1.1\r\nContent-Length: 150\r\n\r\n" + body;
  auto const chunked =
      "POST /pieces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n96\r\n" + body + "\r\n0\r\n\r\n";
  for (std::size_t const piece : {SIZE_MAX, 1UL, 7UL}) {
    CAPTURE(piece);
    CHECK(reads(counted + chunked + "GET /a HTTP/1.1\r\n\r\n", piece) ==
          Seen{"POST /pieces " + body, "POST /pieces " + body, "GET /a ", "end"});
  }
  CHECK(reads("POST /pieces HTTP/1.1\r\nContent-Length: 201\r\n\r\n") == Seen{"bad 413"});
  CHECK(reads("POST /pieces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nc9\r\n") ==
        Seen{"bad 413"});
}

TEST_CASE("http_request_reader: who asks to close, or speaks HTTP/1.0, gets one reply") {
  CHECK(reads("GET / HTTP/1.1\r\n\r\n")[0] == "GET / ");
  CHECK(reads("GET / HTTP/1.1\r\nConnection: CLOSE\r\n\r\n")[0] == "GET /  last");
  CHECK(reads("GET / HTTP/1.0\r\n\r\n")[0] == "GET /  last");
  CHECK(reads("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")[0] == "GET / ");
}

TEST_CASE("http_request_reader: what is no request is bad, and says how") {
  for (std::string const sent :
       {"garbage\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/3.7\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    CAPTURE(sent);
    CHECK(reads(sent) == Seen{"bad 400"});
  }
  CHECK(reads("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n") == Seen{"bad 431"});
  CHECK(reads("GET /" + std::string(2000, 'x'), 100) == Seen{"bad 431"});
  CHECK(reads("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n") == Seen{"bad 413"});
  CHECK(reads("POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n") == Seen{"bad 413"});
  CHECK(reads("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
              std::string(101, 'x') + "\r\n0\r\n\r\n") == Seen{"bad 413"});
  CHECK(reads("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b'))[0] ==
        "POST / " + std::string(100, 'b'));
}

TEST_CASE("http_request_reader: a request cut short is no bad message") {
  CHECK(reads("GET / HTTP/1.1\r\nHost") == Seen{"cut short"});
  CHECK(reads("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc") == Seen{"cut short"});
  CHECK(reads("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n") == Seen{"cut short"});
  CHECK(reads("") == Seen{"end"});
}

}  // namespace bridge::net
