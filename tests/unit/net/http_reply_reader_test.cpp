#include "net/http_reply_reader.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <string>

#include "tests/fakes/chunks.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::net;

namespace {

struct Read {
  Result<ReplyHead> head = Error();
  std::string leftover;
};

Read read(std::deque<std::string> chunks, bool is_head = false, std::size_t body_max = 1024) {
  Loop loop;
  test::Chunks bytes(std::move(chunks));
  Read out;
  auto body = [&]() -> awaitable<void> {
    out.head = co_await read_reply(bytes, out.leftover, is_head, body_max);
  };
  test::run(loop, body());
  return out;
}

}  // namespace

TEST_CASE("http_reply_reader: a reply may arrive in pieces of any size") {
  std::string const sized = "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello";
  std::string const chunked =
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2;ext=1\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
  for (auto const& text : {sized, chunked}) {
    for (auto const& chunks : {test::cut(text, 1), std::deque<std::string>{text}}) {
      auto const got = read(chunks);
      REQUIRE(got.head.has_value());
      CHECK(got.head->reply.status == 200);
      CHECK(got.head->reply.header("x-a") == "1");
      CHECK(got.head->reply.body == "hello");
      CHECK(got.head->keep_alive);
      CHECK(got.leftover.empty());
    }
  }
}

TEST_CASE("http_reply_reader: a body without length lasts until the end of the stream") {
  auto const got = read({"HTTP/1.1 200 OK\r\n\r\nhel", "lo"});
  REQUIRE(got.head.has_value());
  CHECK(got.head->reply.body == "hello");
  CHECK(!got.head->keep_alive);
}

TEST_CASE("http_reply_reader: what is handed on is not reserved, whatever its length says") {
  struct Receiver final : ReplyReceiver {
    Result<void> begin(HttpReply const& head) override {
      length = head.header("content-length");
      return {};
    }
    Result<void> take(std::string_view piece) override {
      body += piece;
      return {};
    }
    std::string length;
    std::string body;
  };
  Loop loop;
  test::Chunks bytes({"HTTP/1.1 200 OK\r\nContent-Length: 1125899906842624\r\n\r\nabc", "de"});
  Receiver receiver;
  std::string leftover;
  auto body = [&]() -> awaitable<void> {
    auto const read = co_await read_reply_in_pieces(bytes, leftover, false, receiver);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().is(Errc::bad_message));
  };
  test::run(loop, body());
  CHECK(receiver.length == "1125899906842624");
  CHECK(receiver.body == "abcde");
}

TEST_CASE("http_reply_reader: after a 101 the stream belongs to the caller") {
  std::string const head = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n";
  auto const together = read({head + std::string("\x81\x02hi", 4)});
  REQUIRE(together.head.has_value());
  CHECK(together.head->reply.status == 101);
  CHECK(together.leftover == "\x81\x02hi");
  auto const split = read(test::cut(head, 1));
  REQUIRE(split.head.has_value());
  CHECK(split.leftover.empty());
}

TEST_CASE("http_reply_reader: interim replies are skipped, but not without end") {
  std::string const hint = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  auto const got =
      read({"HTTP/1.1 100 Continue\r\n\r\n" + hint, "HTTP/1.1 204 No Content\r\n\r\n"});
  REQUIRE(got.head.has_value());
  CHECK(got.head->reply.status == 204);
  CHECK(got.head->reply.header("link").empty());
  auto const endless = read(std::deque<std::string>(100, hint));
  REQUIRE(!endless.head);
  CHECK(endless.head.error().is(Errc::bad_message));
}

TEST_CASE("http_reply_reader: a HEAD reply has no body whatever its length says") {
  auto const got = read({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}, true);
  REQUIRE(got.head.has_value());
  CHECK(got.head->reply.body.empty());
  CHECK(got.head->keep_alive);
}

TEST_CASE("http_reply_reader: Connection: close and surplus bytes end the connection's use") {
  CHECK(!read({"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"}).head->keep_alive);
  CHECK(!read({"HTTP/1.0 204 No Content\r\n\r\n"}).head->keep_alive);
  CHECK(!read({"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200"}).head->keep_alive);
}

TEST_CASE("http_reply_reader: what breaks the protocol or a limit is an error") {
  struct Row {
    char const* name;
    std::deque<std::string> chunks;
    Errc code;
  };
  Row const rows[] = {
      {"stale connection", {}, Errc::end_of_stream},
      {"head cut short", {"HTTP/1.1 200 OK\r\nX:"}, Errc::bad_message},
      {"body cut short", {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}, Errc::bad_message},
      {"chunk cut short",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"},
       Errc::bad_message},
      {"not HTTP", {"SSH-2.0-OpenSSH_9.2\r\n\r\n"}, Errc::bad_message},
      {"head too large",
       {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n"},
       Errc::too_large},
      {"endless head", std::deque<std::string>(200, "HTTP/1.1 200 OK" + std::string(1000, 'a')),
       Errc::too_large},
      {"announced body too large",
       {"HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n"},
       Errc::too_large},
      {"chunked body too large",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n" + std::string(0x500, 'a')},
       Errc::too_large},
      {"unbounded body too large",
       {"HTTP/1.1 200 OK\r\n\r\n" + std::string(1025, 'a')},
       Errc::too_large},
      {"bad chunk size",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
       Errc::bad_message},
  };
  for (auto const& row : rows) {
    CAPTURE(std::string(row.name));
    auto const got = read(row.chunks);
    REQUIRE(!got.head);
    CAPTURE(got.head.error().text());
    CHECK(got.head.error().is(row.code));
  }
}
