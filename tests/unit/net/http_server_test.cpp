#include "net/http_server.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/scope_exit.hpp"
#include "net/ws_handshake.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/ws_frames.hpp"

namespace bridge::net {
namespace {

using test::RawPeer;

/// Answers by path: /echo its own request, /think until the peer goes, /ws a WebSocket that echoes,
/// /raw the bare bytes, /silent nothing at all.
class Handler final : public HttpHandler {
 public:
  awaitable<void> handle(HttpExchange& exchange) override {
    ++requests;
    auto const& target = exchange.request().target;
    if (target == "/silent") co_return;
    if (target == "/think") co_return co_await think(exchange);
    if (target == "/pause") {
      co_await (pause() || exchange.gone());
    } else if (target == "/ws") {
      co_return co_await websocket(exchange);
    } else if (target == "/raw") {
      co_return co_await raw(exchange);
    }
    HttpReply reply;
    reply.body = exchange.request().method + " " + target + " " + exchange.request().body + "\n";
    local = exchange.local_authority();
    (void)co_await exchange.reply(std::move(reply));
  }

  int requests = 0;
  int thinking = 0;
  int gave_up = 0;
  int websockets = 0;
  std::string local;
  std::string failure;

 private:
  struct Echo final : WsReceiver {
    explicit Echo(WsStream& stream_) : stream(stream_) {}
    void on_message(WsOpcode, std::span<char> payload) override {
      std::string_view const text(payload.data(), payload.size());
      if (!stream.send(text)) stream.abort();
    }
    WsStream& stream;
  };

  awaitable<void> pause() { co_await test::let_others_run(20); }
  awaitable<void> think(HttpExchange& exchange) {
    ++thinking;
    co_await exchange.gone();
    ++gave_up;
  }
  awaitable<void> websocket(HttpExchange& exchange) {
    auto stream = co_await exchange.accept_websocket({});
    if (!stream) {
      failure = stream.error().text();
      co_return;
    }
    ++websockets;
    auto const leave = scope_exit([&] { --websockets; });
    Echo echo(**stream);
    (void)co_await (*stream)->run(echo);
  }
  awaitable<void> raw(HttpExchange& exchange) {
    std::string early;
    auto bytes = co_await exchange.accept_raw(early);
    if (!bytes) co_return;
    asio::const_buffer const piece = asio::buffer(early);
    (void)co_await (*bytes)->send(std::span(&piece, 1));
    (*bytes)->shutdown_send();
  }
};

struct Bench {
  explicit Bench(HttpServerLimits limits = {}) : server(loop, handler, limits, "test") {
    REQUIRE(server.listen("127.0.0.1", 0).has_value());
    server.start();
  }
  /// Runs `body` beside the server, then stops it: nothing may be left.
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
  Handler handler;
  HttpServer server;
};

std::string get(std::string_view target, std::string_view headers = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

std::string upgrade(std::string_view target) {
  return get(target,
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

/// A path of its own in the temporary folder.
struct SocketPath {
  explicit SocketPath(std::string_view name)
      : text(std::filesystem::temp_directory_path().string() + "/bridge-test-" +
             std::to_string(::getpid()) + "-" + std::string(name)) {
    std::filesystem::remove(text);
  }
  SocketPath(SocketPath const&) = delete;
  SocketPath& operator=(SocketPath const&) = delete;
  ~SocketPath() { std::filesystem::remove(text); }
  std::string const text;
};

}  // namespace

TEST_CASE("http_server: one connection serves many requests, one after the other or all at once") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/a"));
    auto const first = ok("GET /a \n");
    auto const got = co_await peer.read(first.size());
    CHECK(got == first);
    CHECK(bench.handler.local == "127.0.0.1:" + std::to_string(bench.server.port()));
    co_await peer.send(get("/b") + "POST /c HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi" + get("/d"));
    auto const rest = ok("GET /b \n") + ok("POST /c hi\n") + ok("GET /d \n");
    auto const more = co_await peer.read(rest.size());
    CHECK(more == rest);
    CHECK(bench.server.connections() == 1);
  });
}

TEST_CASE("http_server: requests behind one that is thought about are not lost") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/pause"));
    co_await test::let_others_run(3);
    co_await peer.send(get("/next"));
    auto const expected = ok("GET /pause \n") + ok("GET /next \n");
    auto const got = co_await peer.read(expected.size());
    CHECK(got == expected);
  });
}

TEST_CASE("http_server: HEAD gets the length and no body") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send("HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n");
    auto const got = co_await peer.read_to_end();
    CHECK(got == "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  });
}

TEST_CASE("http_server: who asks to close, or speaks HTTP/1.0, is closed after the reply") {
  for (auto const& request :
       {get("/a", "Connection: close\r\n"), std::string("GET /a HTTP/1.0\r\n\r\n")}) {
    Bench bench;
    bench.run([&]() -> awaitable<void> {
      auto peer = bench.connect();
      co_await peer.send(request + get("/never"));
      auto const got = co_await peer.read_to_end();
      CHECK(got == ok("GET /a \n"));
      CHECK(peer.ended_well());
      CHECK(bench.handler.requests == 1);
    });
  }
}

TEST_CASE("http_server: what is no request, or too large, is answered and closed") {
  struct Row {
    std::string request;
    std::string status;
  };
  HttpServerLimits limits;
  limits.header_max = 1000;
  limits.body_max = 100;
  Bench bench(limits);
  bench.run([&]() -> awaitable<void> {
    // Much behind the mistake: it must not turn the answer into a reset.
    std::string const more(8'000'000, 'x');
    for (auto const& row :
         {Row{"garbage\r\n\r\n", "400 Bad Request"},
          Row{get("/a", "X: " + std::string(1100, 'x') + "\r\n") + more,
              "431 Request Header Fields Too Large"},
          Row{"POST / HTTP/1.1\r\nContent-Length: 8000000\r\n\r\n" + more, "413 Payload Too Large"},
          Row{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + more,
              "431 Request Header Fields Too Large"}}) {
      CAPTURE(row.status);
      auto peer = bench.connect();
      auto const sent = co_await peer.send(row.request);
      CHECK(sent);
      auto const got = co_await peer.read_to_end();
      CHECK(got.starts_with("HTTP/1.1 " + row.status +
                            "\r\nContent-Type: text/plain; charset=UTF-8\r\n"));
      CHECK(peer.ended_well());
    }
    CHECK(bench.handler.requests == 0);
  });
}

TEST_CASE("http_server: a request that does not end in time is closed, an idle connection is not") {
  HttpServerLimits limits;
  limits.request_deadline = 30ms;
  Bench bench(limits);
  bench.run([&]() -> awaitable<void> {
    auto idle = bench.connect();
    auto slow = bench.connect();
    co_await slow.send("GET /a HTTP/1.1\r\nHo");
    auto const got = co_await slow.read_to_end();
    CHECK(got.empty());
    co_await idle.send(get("/late"));
    auto const reply = co_await idle.read(ok("GET /late \n").size());
    CHECK(reply == ok("GET /late \n"));
    // A second request has its deadline too.
    co_await idle.send("GET");
    auto const rest = co_await idle.read_to_end();
    CHECK(rest.empty());
  });
}

TEST_CASE("http_server: a crowd that comes at once is served, every one of it") {
  HttpServerLimits limits;
  limits.connections_max = 50;
  Bench bench(limits);
  bench.run([&]() -> awaitable<void> {
    std::vector<RawPeer> peers;
    for (int i = 0; i < 300; ++i) peers.push_back(bench.connect());
    for (auto& peer : peers) co_await peer.send(get("/a", "Connection: close\r\n"));
    for (auto& peer : peers) {
      auto const reply = co_await peer.read(ok("GET /a \n").size());
      CHECK(reply == ok("GET /a \n"));
    }
  });
}

TEST_CASE("http_server: over the number of connections idle ones make way, the oldest first") {
  HttpServerLimits limits;
  limits.connections_max = 4;
  limits.idle_grace = 20ms;
  Bench bench(limits);
  bench.run([&]() -> awaitable<void> {
    auto talker = bench.connect();
    co_await talker.send(get("/think"));
    auto const thinks = [&] { return bench.handler.thinking == 1; };
    co_await test::until(thinks);
    std::vector<RawPeer> idle;
    for (int i = 0; i < 3; ++i) {
      idle.push_back(bench.connect());
      co_await idle.back().send(get("/a"));
      (void)co_await idle.back().read(ok("GET /a \n").size());
    }
    auto silent = bench.connect();
    auto late = bench.connect();
    co_await late.send(get("/b"));
    auto const reply = co_await late.read(ok("GET /b \n").size());
    CHECK(reply == ok("GET /b \n"));
    for (int i = 0; i < 2; ++i) {
      auto const nothing = co_await idle[static_cast<std::size_t>(i)].read_to_end();
      CHECK(nothing.empty());
    }
    co_await idle[2].send(get("/c"));
    auto const still = co_await idle[2].read(ok("GET /c \n").size());
    CHECK(still == ok("GET /c \n"));
    CHECK(bench.handler.thinking == 1);  // who is served is in no danger
  });
}

TEST_CASE("http_server: over the number of connections a newcomer waits until one ends") {
  HttpServerLimits limits;
  limits.connections_max = 1;
  Bench bench(limits);
  bench.run([&]() -> awaitable<void> {
    auto busy = bench.connect();
    co_await busy.send(get("/think"));
    auto const thinks = [&] { return bench.handler.thinking == 1; };
    co_await test::until(thinks);
    auto next = bench.connect();
    co_await next.send(get("/a"));
    co_await test::let_others_run(20);
    CHECK(bench.handler.requests == 1);
    busy.close();
    auto const reply = co_await next.read(ok("GET /a \n").size());
    CHECK(reply == ok("GET /a \n"));
  });
}

TEST_CASE("http_server: a handler learns that its peer is gone") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/think"));
    auto const thinks = [&] { return bench.handler.thinking == 1; };
    co_await test::until(thinks);
    CHECK(bench.handler.gave_up == 0);
    peer.close();
    auto const gone = [&] { return bench.handler.gave_up == 1 && bench.server.connections() == 0; };
    co_await test::until(gone);
  });
}

TEST_CASE("http_server: a peer that talks on and on while we think is cut off") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    auto sent = co_await peer.send(get("/think"));
    std::string const chunk(100'000, 'x');
    for (int i = 0; i < 10'000 && sent; ++i) sent = co_await peer.send(chunk);
    CHECK_FALSE(sent);
    CHECK(bench.handler.gave_up == 1);
  });
}

TEST_CASE("http_server: a request nobody answers is a 500") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/silent"));
    auto const got = co_await peer.read_to_end();
    CHECK(got.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  });
}

TEST_CASE("http_server: a WebSocket takes the socket over, early frames included") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(upgrade("/ws") + test::text_frame("early", true));
    auto const head = co_await peer.read_until("\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 101 WebSocket Protocol Handshake\r\n"));
    CHECK(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
    CHECK(head.find("Content-Length") == std::string::npos);
    auto const echo = co_await peer.read(7);
    CHECK(echo == test::text_frame("early", false));
    co_await peer.send(test::close_frame(1000, "", true));
    auto const rest = co_await peer.read_to_end();
    CHECK(rest == test::close_frame(1000, "", false));
    CHECK(peer.ended_well());
    peer.close();
    auto const over = [&] { return bench.server.connections() == 0; };
    co_await test::until(over);
  });
}

TEST_CASE("http_server: bare bytes are handed over with what came early") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(upgrade("/raw") + "early bytes");
    (void)co_await peer.read_until("\r\n\r\n");
    auto const rest = co_await peer.read_to_end();
    CHECK(rest == "early bytes");
  });
}

TEST_CASE("http_server: a bad handshake is refused and the connection stays") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(
        get("/ws",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    auto const version = co_await peer.read_until("version is not valid.");
    CHECK(version.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    CHECK(bench.handler.failure.find("websocket handshake") != std::string::npos);
    co_await peer.send(
        get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    auto const key = co_await peer.read_until("specified.");
    CHECK(key.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    co_await peer.send(get("/a"));
    auto const reply = co_await peer.read(ok("GET /a \n").size());
    CHECK(reply == ok("GET /a \n"));
  });
}

TEST_CASE("http_server: stop ends everything that is open, whatever it does") {
  Bench bench;
  std::vector<RawPeer> peers;
  bench.run([&]() -> awaitable<void> {
    for (auto const& sent : {std::string(), std::string("GET / HT"), get("/a"), get("/think"),
                             upgrade("/ws"), upgrade("/ws") + test::text_frame("x", true)}) {
      peers.push_back(bench.connect());
      co_await peers.back().send(sent);
    }
    auto const busy = [&] {
      return bench.server.connections() == 6 && bench.handler.websockets == 2 &&
             bench.handler.thinking == 1;
    };
    co_await test::until(busy);
  });
  CHECK(bench.handler.websockets == 0);
  auto body = [&]() -> awaitable<void> {
    for (auto& peer : peers) {
      (void)co_await peer.read_to_end();
      CHECK(peer.ended.has_value());
    }
  };
  test::run(bench.loop, body());
}

TEST_CASE("http_server: stop_accepting leaves open connections alone") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto peer = bench.connect();
    co_await peer.send(get("/a"));
    (void)co_await peer.read(ok("GET /a \n").size());
    bench.server.stop_accepting();
    co_await peer.send(get("/b"));
    auto const reply = co_await peer.read(ok("GET /b \n").size());
    CHECK(reply == ok("GET /b \n"));
    Tcp::socket late(bench.loop.io());
    error_code ec;
    late.connect(Tcp::endpoint(asio::ip::address_v4::loopback(), bench.server.port()), ec);
    CHECK(ec == asio::error::connection_refused);
  });
}

TEST_CASE("http_server: a server that was never started can be stopped and destroyed") {
  Loop loop;
  Handler handler;
  {
    HttpServer server(loop, handler, {}, "test");
    CHECK(server.listen("127.0.0.1", 0).has_value());
  }
  HttpServer server(loop, handler, {}, "test");
  CHECK(server.listen("127.0.0.1", 0).has_value());
  test::run(loop, server.stop());
}

TEST_CASE("http_server: addresses that cannot be used are named with the reason") {
  Loop loop;
  Handler handler;
  HttpServer first(loop, handler, {}, "a");
  REQUIRE(first.listen("127.0.0.1", 0).has_value());
  HttpServer second(loop, handler, {}, "b");
  auto const taken = second.listen("127.0.0.1", first.port());
  REQUIRE(taken.has_error());
  CHECK(taken.error().text() ==
        "listen on 127.0.0.1:" + std::to_string(first.port()) + ": Address already in use");
  CHECK(second.listen("not an address", 1).has_error());
  CHECK(second.listen("localhost", 1).has_error());
  CHECK(second.listen("192.0.2.1", 1).error().text().starts_with("listen on 192.0.2.1:1: "));
}

TEST_CASE("http_server: forgotten listeners leave their port to others") {
  Loop loop;
  Handler handler;
  HttpServer first(loop, handler, {}, "first");
  REQUIRE(first.listen("127.0.0.1", 0).has_value());
  auto const port = first.port();
  first.forget_listeners();
  CHECK(first.port() == 0);
  HttpServer second(loop, handler, {}, "second");
  CHECK(second.listen("127.0.0.1", port).has_value());
}

TEST_CASE("http_server: both loopback families may share a port") {
  Loop loop;
  Handler handler;
  HttpServer server(loop, handler, {}, "test");
  REQUIRE(server.listen("127.0.0.1", 0).has_value());
  auto const six = server.listen("::1", server.port());
  if (six.has_error()) {  // a machine without IPv6
    CHECK(six.error().text().starts_with("listen on [::1]:"));
    return;
  }
  server.start();
  auto body = [&]() -> awaitable<void> {
    Tcp::socket socket(loop.io());
    socket.connect(Tcp::endpoint(asio::ip::address_v6::loopback(), server.port()));
    RawPeer peer(std::move(socket));
    co_await peer.send(get("/a"));
    auto const reply = co_await peer.read(ok("GET /a \n").size());
    CHECK(reply == ok("GET /a \n"));
    CHECK(handler.local == "[::1]:" + std::to_string(server.port()));
    co_await server.stop();
  };
  test::run(loop, body());
}

TEST_CASE("http_server: a Unix socket is ours alone, serves, and is gone afterwards") {
  SocketPath const path("sock");
  Loop loop;
  Handler handler;
  HttpServer server(loop, handler, {}, "test");
  REQUIRE(server.listen_unix(path.text).has_value());
  struct stat found {};
  REQUIRE(::stat(path.text.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  server.start();
  auto body = [&]() -> awaitable<void> {
    asio::local::stream_protocol::socket socket(loop.io());
    socket.connect(asio::local::stream_protocol::endpoint(path.text));
    auto const bytes = make_plain_stream(loop, std::move(socket), "server");
    auto const request = get("/a", "Connection: close\r\n");
    asio::const_buffer const piece = asio::buffer(request);
    (void)co_await bytes->send(std::span(&piece, 1));
    std::string back;
    for (;;) {
      auto const got = co_await bytes->receive();
      if (!got) break;
      back.append(got->data(), got->size());
    }
    CHECK(back == ok("GET /a \n"));
    CHECK(handler.local == "localhost");
    co_await server.stop();
  };
  test::run(loop, body());
  CHECK_FALSE(std::filesystem::exists(path.text));
}

TEST_CASE("http_server: a socket file nobody answers on is replaced, a live one is not") {
  SocketPath const path("stale");
  Loop loop;
  Handler handler;
  {
    asio::local::stream_protocol::acceptor dead(loop.io(),
                                                asio::local::stream_protocol::endpoint(path.text));
  }
  REQUIRE(std::filesystem::exists(path.text));
  HttpServer first(loop, handler, {}, "a");
  REQUIRE(first.listen_unix(path.text).has_value());
  HttpServer second(loop, handler, {}, "b");
  auto const taken = second.listen_unix(path.text);
  REQUIRE(taken.has_error());
  CHECK(taken.error().text() == "listen on " + path.text + ": Address already in use");
  CHECK(std::filesystem::exists(path.text));
}

TEST_CASE("http_server: a file that is no socket is never removed") {
  SocketPath const path("notes");
  std::ofstream(path.text) << "precious";
  Loop loop;
  Handler handler;
  HttpServer server(loop, handler, {}, "test");
  CHECK(server.listen_unix(path.text).has_error());
  std::string content;
  std::ifstream(path.text) >> content;
  CHECK(content == "precious");
}

TEST_CASE("http_server: a socket path that cannot be is refused with advice") {
  Loop loop;
  Handler handler;
  HttpServer server(loop, handler, {}, "test");
  auto const bad = server.listen_unix("/tmp/" + std::string(120, 'x'));
  REQUIRE(bad.has_error());
  CHECK(bad.error().text().find("XDG_RUNTIME_DIR") != std::string::npos);
  CHECK(server.listen_unix("/nowhere/at/all.sock").has_error());
}

}  // namespace bridge::net
