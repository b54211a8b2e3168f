#include "net/dial.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "net/ws_handshake.hpp"
#include "tests/fakes/http_script.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/ws_frames.hpp"

namespace bridge::net {
namespace {

using test::RawPeer;

struct Words final : WsReceiver {
  void on_message(WsOpcode, std::span<char> payload) override {
    messages.emplace_back(payload.data(), payload.size());
  }
  std::vector<std::string> messages;
};

/// Accepts one connection and answers its handshake properly, then sends `early`.
class WsPeer {
 public:
  explicit WsPeer(Loop& loop)
      : acceptor_(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        socket_(loop.io()) {}
  [[nodiscard]] Url url(std::string target) const {
    Url url;
    url.scheme = "ws";
    url.host = "127.0.0.1";
    url.port = acceptor_.local_endpoint().port();
    url.target = std::move(target);
    return url;
  }
  /// `{accept}` in `reply` becomes the right Sec-WebSocket-Accept.
  awaitable<void> serve(std::string reply) {
    auto const [ec] = co_await acceptor_.async_accept(socket_, no_throw);
    if (ec) co_return;
    RawPeer peer(std::move(socket_));
    head = co_await peer.read_until("\r\n\r\n");
    constexpr std::string_view kName = "Sec-WebSocket-Key: ";
    auto const at = head.find(kName) + kName.size();
    auto const key = head.substr(at, head.find("\r\n", at) - at);
    if (auto const mark = reply.find("{accept}"); mark != std::string::npos)
      reply.replace(mark, 8, ws_accept_for(key));
    co_await peer.send(reply);
    rest = co_await peer.read_to_end();
  }

  std::string head;
  std::string rest;

 private:
  Tcp::acceptor acceptor_;
  Tcp::socket socket_;
};

constexpr std::string_view kUpgraded =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Accept: {accept}\r\n\r\n";

template <class Result>
Error const& error_of(Result const& dialled) {
  REQUIRE(std::holds_alternative<Error>(dialled));
  return std::get<Error>(dialled);
}

}  // namespace

TEST_CASE("dial: a WebSocket opens, early frames are not lost, and it closes politely") {
  Loop loop;
  WsPeer peer(loop);
  Reach const reach;
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.spawn("peer", peer.serve(std::string(kUpgraded) + test::text_frame("early", false) +
                                   test::close_frame(4001, "taken", false)));
    auto const url = peer.url("/cdp?token=canary");
    auto dialled = co_await dial_ws(loop, url, reach, WsLimits{}, 1min);
    REQUIRE(std::holds_alternative<std::unique_ptr<WsStream>>(dialled));
    auto& stream = std::get<std::unique_ptr<WsStream>>(dialled);
    Words words;
    auto const ended = co_await stream->run(words);
    CHECK(words.messages == std::vector<std::string>{"early"});
    CHECK(ended.is(Errc::end_of_stream));
    CHECK(stream->peer_close().code == 4001);
    CHECK(stream->peer_close().reason == "taken");
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK(peer.head.starts_with("GET /cdp?token=canary HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK(peer.head.find("Sec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(peer.head.find("Origin") == std::string::npos);
  CHECK(peer.head.find("Extensions") == std::string::npos);
  WsDecoder decoder(WsRole::server, 1000, true);
  test::FrameRecord record;
  CHECK(decoder.feed(peer.rest, record) == 0);
  CHECK(record.events == std::vector<std::string>{"close 4001"});
}

TEST_CASE("dial: the bare bytes behind the handshake are handed over") {
  Loop loop;
  WsPeer peer(loop);
  Reach const reach;
  std::string early;
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.spawn("peer", peer.serve(std::string(kUpgraded) + "early"));
    auto const url = peer.url("/x");
    auto dialled = co_await dial_ws_raw(loop, url, reach, 1min, early);
    REQUIRE(std::holds_alternative<std::unique_ptr<SocketStream>>(dialled));
    auto const& bytes = std::get<std::unique_ptr<SocketStream>>(dialled);
    std::string const later = "later";
    asio::const_buffer const piece = asio::buffer(later);
    (void)co_await bytes->send(std::span(&piece, 1));
    bytes->shutdown_send();
    while (early.size() < 5) {
      auto const got = co_await bytes->receive();
      if (!got) break;
      early.append(got->data(), got->size());
    }
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK(early == "early");
  CHECK(peer.rest == "later");
}

TEST_CASE("dial: a refusal comes with status, headers and body") {
  Loop loop;
  Reach const reach;
  auto body = [&]() -> awaitable<void> {
    test::HttpScript script(loop);
    script.json(409, R"({"error":"taken"})", "Retry-After: 3\r\n");
    Url url;
    url.scheme = "ws";
    url.host = "127.0.0.1";
    url.port = script.port();
    url.target = "/x";
    auto const dialled = co_await dial_ws(loop, url, reach, WsLimits{}, 1min);
    REQUIRE(std::holds_alternative<UpgradeRefused>(dialled));
    auto const& refused = std::get<UpgradeRefused>(dialled);
    CHECK(refused.status == 409);
    CHECK(find_header(refused.headers, "retry-after") == "3");
    CHECK(refused.body == R"({"error":"taken"})");
    co_await script.stop();
  };
  test::run(loop, body());
}

TEST_CASE("dial: a handshake that breaks the protocol is an error that says how") {
  Loop loop;
  Reach const reach;
  struct Row {
    std::string reply;
    std::string_view why;
  };
  for (auto const& row :
       {Row{"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
            "no\r\n\r\n",
            "Sec-WebSocket-Accept is wrong"},
        Row{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
            "the reply lacks Connection: Upgrade"},
        Row{"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
            "{accept}\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            "an extension nobody offered was chosen"},
        Row{"this is not HTTP\r\n\r\n", ""}}) {
    CAPTURE(row.why);
    WsPeer peer(loop);
    auto body = [&]() -> awaitable<void> {
      Tasks tasks(loop.executor());
      tasks.spawn("peer", peer.serve(row.reply));
      auto const url = peer.url("/path?token=canary");
      auto const dialled = co_await dial_ws(loop, url, reach, WsLimits{}, 1min);
      auto const text = error_of(dialled).text();
      CHECK(error_of(dialled).is(Errc::bad_message));
      CHECK(text.starts_with("dial ws://127.0.0.1:"));
      CHECK(text.find(row.why) != std::string::npos);
      CHECK(text.find("canary") == std::string::npos);
      CHECK(text.find("/path") == std::string::npos);
      co_await tasks.join();
    };
    test::run(loop, body());
  }
}

TEST_CASE(
    "dial: a server that stays silent is given up in time, and the error names the origin only") {
  Loop loop;
  Reach const reach;
  auto body = [&]() -> awaitable<void> {
    test::HttpScript script(loop);
    script.hang();
    Url url;
    url.scheme = "ws";
    url.host = "127.0.0.1";
    url.port = script.port();
    url.target = "/path?token=canary";
    auto const dialled = co_await dial_ws(loop, url, reach, WsLimits{}, 50ms);
    CHECK(error_of(dialled).is(Errc::timed_out));
    CHECK(error_of(dialled).text() ==
          "dial ws://127.0.0.1:" + std::to_string(script.port()) + ": timed out");
    co_await script.stop();
  };
  test::run(loop, body());
}

TEST_CASE(
    "dial: nobody listening, or a connection that breaks, is an error that names the origin only") {
  Loop loop;
  Reach const reach;
  auto body = [&]() -> awaitable<void> {
    Url url;
    {
      WsPeer const gone(loop);
      url = gone.url("/path?token=canary");
    }
    auto const refused = co_await dial_ws(loop, url, reach, WsLimits{}, 1min);
    auto const text = error_of(refused).text();
    CHECK(text.find("Connection refused") != std::string::npos);
    CHECK(text.find("canary") == std::string::npos);

    test::HttpScript script(loop);
    script.raw_then_close();
    url.port = script.port();
    auto const broken = co_await dial_ws(loop, url, reach, WsLimits{}, 1min);
    CHECK(error_of(broken).text().starts_with("dial ws://127.0.0.1:"));
    CHECK(error_of(broken).text().find("canary") == std::string::npos);
    co_await script.stop();
  };
  test::run(loop, body());
}

}  // namespace bridge::net
