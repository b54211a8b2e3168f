#include "net/ws_stream.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "tests/fakes/loopback.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/ws_frames.hpp"

namespace bridge::net {
namespace {

using test::close_frame;
using test::RawFrame;
using test::RawPeer;
using test::SocketPair;
using test::text_frame;
using Messages = std::vector<std::string>;

/// A running stream and what it received.
class Side final : public WsReceiver {
 public:
  Side(Loop& loop, std::unique_ptr<SocketStream> bytes, WsRole role, WsLimits limits = {},
       std::string early = {})
      : stream(loop, std::move(bytes), role, limits, std::move(early)), wake_(loop.executor()) {}

  void on_message(WsOpcode kind, std::span<char> payload) override {
    std::string text(payload.data(), payload.size());
    if (echo) echoed = echoed && stream.send(std::span<std::string_view const>(views(text)), kind);
    received += text.size();
    if (keep) messages.push_back(std::move(text));
    ++count;
  }
  void on_pong() override { ++pongs; }
  std::size_t room() const override { return pause ? 0 : at_most; }
  awaitable<void> resumed() override { co_await wake_.wait(); }

  void resume() {
    pause = false;
    wake_.notify();
  }
  awaitable<void> run() { ended = co_await stream.run(*this); }

  WsStream stream;
  Messages messages;
  std::optional<Error> ended;
  std::size_t count = 0;
  std::size_t received = 0;
  int pongs = 0;
  bool echo = false;
  bool echoed = true;
  bool keep = true;
  bool pause = false;
  std::size_t at_most = SIZE_MAX;

 private:
  std::array<std::string_view, 2> views(std::string_view text) {
    return {text.substr(0, text.size() / 2), text.substr(text.size() / 2)};
  }
  Signal wake_;
};

/// A server stream under test, and the client's raw socket. Joined by the test's end.
struct Bench {
  explicit Bench(WsRole role = WsRole::server, WsLimits limits = {}, std::string early = {})
      : pair(loop),
        side(loop, pair.take_near(loop), role, limits, std::move(early)),
        peer(std::move(pair.far)),
        tasks(loop.executor()) {}

  /// Runs the stream beside `body`, then waits for it: run() always returns.
  template <class Body>
  void run(Body body) {
    auto all = [&]() -> awaitable<void> {
      tasks.spawn("stream", side.run());
      co_await body();
      co_await tasks.join();
    };
    test::run(loop, all());
    REQUIRE(side.ended.has_value());
  }

  Loop loop;
  SocketPair pair;
  Side side;
  RawPeer peer;
  Tasks tasks;
};

/// The frames in `bytes`, as a client sees them.
Messages client_reads(std::string bytes) {
  WsDecoder decoder(WsRole::client, SIZE_MAX, true);
  test::FrameRecord record;
  CHECK(decoder.feed(bytes, record) == 0);
  return record.events;
}

std::string masked(unsigned opcode, std::string payload) {
  RawFrame frame;
  frame.opcode = opcode;
  frame.payload = std::move(payload);
  frame.masked = true;
  return frame.bytes();
}

}  // namespace

TEST_CASE("ws_stream: two streams exchange messages both ways and part politely") {
  Loop loop;
  SocketPair pair(loop);
  Side server(loop, pair.take_near(loop), WsRole::server);
  Side client(loop, make_plain_stream(loop, std::move(pair.far), "server"), WsRole::client);
  server.echo = true;
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.spawn("server", server.run());
    tasks.spawn("client", client.run());
    CHECK(client.stream.send("one"));
    CHECK(client.stream.send(""));
    CHECK(client.stream.send(std::string(100'000, 'x')));
    auto const all_back = [&] { return client.count == 3; };
    co_await test::until(all_back);
    client.stream.close(4001, "done");
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK(client.messages == Messages{"one", "", std::string(100'000, 'x')});
  CHECK(server.echoed);
  CHECK(server.ended->is(Errc::end_of_stream));
  CHECK(server.stream.peer_close().code == 4001);
  CHECK(server.stream.peer_close().reason == "done");
  CHECK(client.ended->is(Errc::end_of_stream));
  CHECK(client.stream.peer_close().code == 1000);
}

TEST_CASE("ws_stream: a thousand messages of one receive are all delivered and answered") {
  Bench bench;
  bench.side.echo = true;
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += masked(i % 2 == 0 ? 1 : 2, std::to_string(i));
  std::string back;
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(bytes + close_frame(1000, "", true));
    back = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  auto const events = client_reads(back);
  REQUIRE(events.size() == 1001);
  for (std::size_t i = 0; i < 1000; ++i)
    REQUIRE(events[i] == (i % 2 == 0 ? "text " : "binary ") + std::to_string(i));
  CHECK(events.back() == "close 1000");
  CHECK(bench.peer.ended_well());
  CHECK(bench.side.stream.sent_bytes() == back.size());
  CHECK(bench.side.stream.received_bytes() == bytes.size() + close_frame(1000, "", true).size());
}

TEST_CASE("ws_stream: bytes behind the handshake are read first") {
  Bench bench(WsRole::server, {}, masked(1, "early") + masked(1, "ha").substr(0, 7));
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(masked(1, "ha").substr(7) + masked(1, "late"));
    auto const three = [&] { return bench.side.count == 3; };
    co_await test::until(three);
    bench.side.stream.abort();
  });
  CHECK(bench.side.messages == Messages{"early", "ha", "late"});
}

TEST_CASE("ws_stream: what one sends leaves with its batch, unless others are waited for") {
  Bench bench(WsRole::client);
  auto& stream = bench.side.stream;
  auto const send = [&](std::string_view text) {
    Loop::Batch const batch(bench.loop);
    CHECK(stream.send(text));
  };
  bench.run([&]() -> awaitable<void> {
    co_await asio::post(bench.loop.executor(), no_throw);  // it runs
    stream.gather(false);
    send("one");
    auto const first = stream.sent_bytes();
    CHECK(first > 0);
    stream.gather(true);
    send("two");
    send("three");
    CHECK(stream.sent_bytes() == first);
    auto const sent = [&] { return stream.sent_bytes() > first; };
    co_await test::until(sent);
    CHECK(stream.queued() == 0);
    stream.abort();
  });
}

TEST_CASE("ws_stream: a paused receiver makes the peer wait, and loses nothing") {
  Bench bench;
  bench.side.keep = false;
  std::string const message(64 * 1024, 'x');
  bench.side.pause = true;
  bench.run([&]() -> awaitable<void> {
    bool sent_all = false;
    auto flood = [](RawPeer& peer, std::string frame, bool& done) -> awaitable<void> {
      for (int i = 0; i < 400; ++i) co_await peer.send(frame);
      done = true;
    };
    Tasks tasks(bench.loop.executor());
    tasks.spawn("flood", flood(bench.peer, masked(1, message), sent_all));
    co_await test::let_others_run(200);
    CHECK(bench.side.count == 0);
    CHECK_FALSE(sent_all);
    bench.side.resume();
    auto const some = [&] { return bench.side.count >= 100; };
    co_await test::until(some);
    bench.side.pause = true;
    co_await test::let_others_run(200);
    bench.side.resume();
    co_await tasks.join();
    co_await bench.peer.send(close_frame(1000, "", true));
    (void)co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(bench.side.count == 400);
  CHECK(bench.side.received == 400 * message.size());
}

TEST_CASE("ws_stream: a paused receiver does not hold up the end") {
  for (int const way : {0, 1, 2}) {
    CAPTURE(way);
    Bench bench;
    bench.side.pause = true;
    bench.run([&]() -> awaitable<void> {
      co_await bench.peer.send(masked(1, "one"));
      co_await test::let_others_run();
      if (way == 0) bench.side.stream.close(1012, "restart");
      if (way == 1) bench.side.stream.finish();
      if (way == 2) bench.side.stream.abort();
      auto const back = co_await bench.peer.read_to_end();
      if (way == 0) CHECK(client_reads(back) == Messages{"close 1012 restart"});
      if (way == 1) CHECK(back.empty());
      bench.peer.close();
    });
    CHECK(bench.side.count == 0);
  }
}

TEST_CASE("ws_stream: megabytes that nobody reads any more do not hold up the end either") {
  Bench bench;
  bench.side.pause = true;
  auto const message = masked(1, std::string(1'000'000, 'x'));
  auto const begun = Clock::now();
  std::string back;
  bench.run([&]() -> awaitable<void> {
    auto send = [&]() -> awaitable<void> {
      for (int i = 0; i < 20; ++i) co_await bench.peer.send(message);
      bench.peer.close();
    };
    auto end = [&]() -> awaitable<void> {
      co_await sleep_for(20ms);
      bench.side.stream.close(1012, "restart");
      back = co_await bench.peer.read_to_end();
    };
    co_await (send() && end());
  });
  CHECK(client_reads(back) == Messages{"close 1012 restart"});
  CHECK(Clock::now() - begun < 1500ms);
  CHECK(bench.side.count == 0);
}

TEST_CASE("ws_stream: no more is read at once than there is room for, and nothing is lost") {
  Bench bench;
  bench.side.at_most = 3;
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(masked(1, "one") + masked(1, std::string(500, 'x')) + masked(1, ""));
    while (bench.side.count < 3) co_await test::let_others_run();
    bench.peer.close();
  });
  CHECK(bench.side.messages == Messages{"one", std::string(500, 'x'), ""});
}

TEST_CASE("ws_stream: the quickest answer to a ping is remembered") {
  Bench bench;
  auto& stream = bench.side.stream;
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(masked(10, "nobody asked"));
    while (bench.side.pongs < 1) co_await test::let_others_run();
    CHECK(stream.round_trip() == Duration());
    stream.ping();
    co_await sleep_for(300ms);
    stream.ping();  // the first one counts
    co_await bench.peer.send(masked(10, ""));
    while (bench.side.pongs < 2) co_await test::let_others_run();
    auto const slow = stream.round_trip();
    CHECK(slow >= 300ms);
    stream.ping();
    co_await bench.peer.send(masked(10, ""));
    while (bench.side.pongs < 3) co_await test::let_others_run();
    CHECK(stream.round_trip() < slow);
    bench.peer.close();
  });
}

TEST_CASE("ws_stream: over the queue's limit nothing is queued, and later it works again") {
  WsLimits limits;
  limits.queue_max = 1000;
  Bench bench(WsRole::server, limits);
  std::string back;
  bench.run([&]() -> awaitable<void> {
    auto& stream = bench.side.stream;
    CHECK(stream.send(std::string(900, 'a')));
    CHECK(stream.send(std::string(90, 'b')));
    CHECK(stream.send(std::string(200, 'c')));
    auto const queued = stream.queued();
    CHECK(queued > 1000);
    CHECK_FALSE(stream.send(std::string(1, 'd')));
    CHECK(stream.queued() == queued);
    auto const drained = [&] { return stream.queued() == 0; };
    co_await test::until(drained);
    CHECK(stream.send(std::string(5000, 'e')));
    stream.close(1000, "");
    CHECK(stream.closing());
    CHECK(stream.send("too late, and no error"));
    stream.ping();
    back = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(client_reads(back) ==
        Messages{"text " + std::string(900, 'a'), "text " + std::string(90, 'b'),
                 "text " + std::string(200, 'c'), "text " + std::string(5000, 'e'), "close 1000"});
}

TEST_CASE("ws_stream: a burst is written while it is read, it does not pile up in the queue") {
  constexpr std::size_t kMessages = 4000;
  WsLimits limits;
  limits.queue_max = 96 * 1024;  // more than one receive brings, less than the kernel has ready
  Bench bench(WsRole::server, limits);
  bench.side.echo = true;
  bench.side.keep = false;
  bench.run([&]() -> awaitable<void> {
    std::string burst;
    for (std::size_t i = 0; i < kMessages; ++i) burst += masked(1, std::string(1000, 'm'));
    Tasks tasks(bench.loop.executor());
    tasks.spawn("burst", [](RawPeer& peer, std::string bytes) -> awaitable<void> {
      co_await peer.send(std::move(bytes));
    }(bench.peer, std::move(burst)));
    (void)co_await bench.peer.read(kMessages * 1004);
    co_await tasks.join();
    bench.peer.finish();
    (void)co_await bench.peer.read_to_end();
  });
  CHECK(bench.side.count == kMessages);
  CHECK(bench.side.echoed);
}

TEST_CASE("ws_stream: our close reaches a peer that is still sending, reason and all") {
  Bench bench;
  bench.side.keep = false;
  std::string back;
  bench.run([&]() -> awaitable<void> {
    bool stop = false;
    auto flood = [](RawPeer& peer, std::string frame, bool const& done) -> awaitable<void> {
      while (!done) {
        auto const sent = co_await peer.send(frame);
        if (!sent) co_return;
      }
      peer.finish();
    };
    Tasks tasks(bench.loop.executor());
    tasks.spawn("flood", flood(bench.peer, masked(1, std::string(100'000, 'x')), stop));
    auto const some = [&] { return bench.side.count > 10; };
    co_await test::until(some);
    CHECK(bench.side.stream.send("last words"));
    bench.side.stream.close(1013, "too slow");
    auto const first = co_await bench.peer.read(12 + 12);
    stop = true;
    back = first + co_await bench.peer.read_to_end();
    co_await tasks.join();
  });
  CHECK(client_reads(back) == Messages{"text last words", "close 1013 too slow"});
  CHECK(bench.peer.ended_well());
}

TEST_CASE("ws_stream: a reason too long for the protocol is cut") {
  Bench bench;
  std::string back;
  bench.run([&]() -> awaitable<void> {
    bench.side.stream.close(1011, std::string(500, 'r'));
    bench.side.stream.close(1000, "only the first counts");
    back = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(client_reads(back) == Messages{"close 1011 " + std::string(123, 'r')});
}

TEST_CASE("ws_stream: a server answers every close with 1000, a client with the server's code") {
  struct Row {
    WsRole role;
    std::string sent;
    std::string answer;
    std::uint16_t code;
  };
  for (auto const& row :
       {Row{WsRole::server, close_frame(4000, "bye", true), "close 1000", 4000},
        Row{WsRole::server, masked(8, ""), "close 1000", 1005},
        Row{WsRole::client, close_frame(1012, "bye", false), "close 1012", 1012}}) {
    CAPTURE(row.answer);
    Bench bench(row.role);
    std::string back;
    bench.run([&]() -> awaitable<void> {
      co_await bench.peer.send(row.sent);
      back = co_await bench.peer.read_to_end();
      bench.peer.close();
    });
    WsDecoder decoder(row.role == WsRole::server ? WsRole::client : WsRole::server, SIZE_MAX, true);
    test::FrameRecord record;
    CHECK(decoder.feed(back, record) == 0);
    CHECK(record.events == Messages{row.answer});
    CHECK(bench.peer.ended_well());
    CHECK(bench.side.ended->is(Errc::end_of_stream));
    CHECK(bench.side.stream.peer_close().code == row.code);
  }
}

TEST_CASE("ws_stream: what is queued goes out before the answer to the peer's close") {
  Bench bench;
  std::string back;
  bench.run([&]() -> awaitable<void> {
    for (int i = 0; i < 100; ++i) CHECK(bench.side.stream.send(std::string(50'000, 'q')));
    co_await bench.peer.send(close_frame(1001, "", true) + masked(1, "behind the close"));
    back = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  auto const events = client_reads(back);
  CHECK(events.size() == 101);
  CHECK(events.back() == "close 1000");
  CHECK(bench.side.count == 0);
}

TEST_CASE("ws_stream: both ends may close at once") {
  Loop loop;
  SocketPair pair(loop);
  Side server(loop, pair.take_near(loop), WsRole::server);
  Side client(loop, make_plain_stream(loop, std::move(pair.far), "server"), WsRole::client);
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.spawn("server", server.run());
    tasks.spawn("client", client.run());
    server.stream.close(1001, "s");
    client.stream.close(4000, "c");
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK(server.stream.peer_close().code == 4000);
  CHECK(client.stream.peer_close().code == 1001);
  CHECK(server.ended->is(Errc::end_of_stream));
  CHECK(client.ended->is(Errc::end_of_stream));
}

TEST_CASE("ws_stream: finish sends what is queued, then FIN without a close frame") {
  Bench bench;
  std::string back;
  bench.run([&]() -> awaitable<void> {
    CHECK(bench.side.stream.send("the last event"));
    bench.side.stream.finish();
    back = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(client_reads(back) == Messages{"text the last event"});
  CHECK(bench.peer.ended_well());
}

TEST_CASE("ws_stream: abort ends it at once, queue or not") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    for (int i = 0; i < 500; ++i) CHECK(bench.side.stream.send(std::string(100'000, 'q')));
    co_await test::let_others_run();
    CHECK(bench.side.stream.queued() > 0);  // the peer does not read
    bench.side.stream.abort();
  });
  CHECK(bench.side.ended->code.failed());
}

TEST_CASE("ws_stream: a vanished peer ends the stream, whatever was going on") {
  for (bool const sending : {false, true}) {
    CAPTURE(sending);
    Bench bench;
    bench.run([&]() -> awaitable<void> {
      if (sending)
        for (int i = 0; i < 200; ++i) CHECK(bench.side.stream.send(std::string(100'000, 'q')));
      co_await test::let_others_run();
      bench.peer.reset();
    });
    CHECK(bench.side.ended->code.failed());
    CHECK(bench.side.stream.peer_close().code == 0);
  }
}

TEST_CASE("ws_stream: an end without a close frame comes after the last messages") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(masked(1, "one") + masked(1, "two") + masked(1, "half").substr(0, 8));
    bench.peer.finish();
    (void)co_await bench.peer.read_to_end();
  });
  CHECK(bench.side.messages == Messages{"one", "two"});
  CHECK(bench.side.ended->is(Errc::end_of_stream));
  CHECK(bench.side.stream.peer_close().code == 0);
}

TEST_CASE("ws_stream: mistakes of the peer are named in the close frame") {
  struct Row {
    std::string sent;
    std::string answer;
    Errc error;
  };
  RawFrame reserved;
  reserved.masked = true;
  reserved.rsv = 4;
  RawFrame huge;
  huge.masked = true;
  huge.claim = 1ULL << 40;
  for (auto const& row : {Row{masked(1, std::string(101, 'x')), "close 1009", Errc::too_large},
                          Row{huge.bytes(), "close 1009", Errc::too_large},
                          Row{masked(1, "\xff"), "close 1007", Errc::bad_message},
                          Row{reserved.bytes(), "close 1002", Errc::bad_message},
                          Row{text_frame("not masked", false), "close 1002", Errc::bad_message},
                          Row{masked(0, "x"), "close 1002", Errc::bad_message}}) {
    CAPTURE(row.answer);
    WsLimits limits;
    limits.message_max = 100;
    Bench bench(WsRole::server, limits);
    std::string back;
    bench.run([&]() -> awaitable<void> {
      // Much behind the mistake: it must not turn the goodbye into a reset.
      co_await bench.peer.send(masked(1, "good") + row.sent + std::string(200'000, 'x'));
      back = co_await bench.peer.read_to_end();
      bench.peer.close();
    });
    CHECK(bench.side.messages == Messages{"good"});
    CHECK(client_reads(back) == Messages{row.answer});
    CHECK(bench.peer.ended_well());
    CHECK(bench.side.ended->is(row.error));
  }
}

TEST_CASE("ws_stream: text is not checked when the peer is trusted") {
  WsLimits limits;
  limits.check_utf8 = false;
  Bench bench(WsRole::server, limits);
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(masked(1, "\xff") + close_frame(1000, "", true));
    (void)co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(bench.side.messages == Messages{"\xff"});
}

TEST_CASE("ws_stream: pings are answered in place, pongs reported") {
  Bench bench;
  std::string back;
  bench.run([&]() -> awaitable<void> {
    co_await bench.peer.send(masked(9, "beat") + masked(9, "") + masked(10, "x"));
    auto const seen = [&] { return bench.side.pongs == 1; };
    co_await test::until(seen);
    bench.side.stream.ping();
    co_await bench.peer.send(close_frame(1000, "", true));
    back = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(client_reads(back) == Messages{"pong beat", "pong ", "ping ", "close 1000"});
}

TEST_CASE("ws_stream: a message of more than 64 MiB passes when the limits allow") {
  Loop loop;
  SocketPair pair(loop);
  WsLimits limits;
  limits.message_max = limits.queue_max = 128ULL << 20;
  Side server(loop, pair.take_near(loop), WsRole::server, limits);
  Side client(loop, make_plain_stream(loop, std::move(pair.far), "server"), WsRole::client, limits);
  std::string big((65ULL << 20) + 7, 'b');
  for (std::size_t i = 0; i < big.size(); i += 1009) big[i] = static_cast<char>('a' + i % 26);
  auto body = [&]() -> awaitable<void> {
    Tasks tasks(loop.executor());
    tasks.spawn("server", server.run());
    tasks.spawn("client", client.run());
    CHECK(client.stream.send(big));
    auto const there = [&] { return server.count == 1; };
    co_await test::until(there);
    CHECK(server.stream.send(big));
    auto const back = [&] { return client.count == 1; };
    co_await test::until(back);
    server.stream.close(1000, "");
    co_await tasks.join();
  };
  test::run(loop, body());
  CHECK((server.messages.at(0) == big));
  CHECK((client.messages.at(0) == big));
}

TEST_CASE("ws_stream: many small messages to a slow reader arrive in order") {
  Bench bench;
  std::string back;
  bench.run([&]() -> awaitable<void> {
    for (int i = 0; i < 50'000; ++i)
      REQUIRE(bench.side.stream.send("message " + std::to_string(i)));
    bench.side.stream.close(1000, "");
    for (std::size_t n = 1; !bench.peer.ended; n = n * 2 + 1) {
      back += co_await bench.peer.read(n % 40'000);
      co_await test::let_others_run(1);
    }
    bench.peer.close();
  });
  auto const events = client_reads(back);
  REQUIRE(events.size() == 50'001);
  for (std::size_t i = 0; i < 50'000; ++i)
    REQUIRE(events[i] == "text message " + std::to_string(i));
}

TEST_CASE("ws_stream: a message in pieces goes out as it comes, and others follow it") {
  Bench bench;
  std::string got;
  bench.run([&]() -> awaitable<void> {
    auto& stream = bench.side.stream;
    CHECK(stream.send("before"));
    CHECK(stream.begin_message(6));
    stream.put_piece("abc");
    CHECK(stream.send("behind"));
    stream.ping();
    auto const head = co_await bench.peer.read(2 + 6 + 2 + 3);
    CHECK(head == test::text_frame("before", false) + "\x81\x06" + "abc");
    stream.put_piece("");
    stream.put_piece("def");
    CHECK(stream.send("last"));
    stream.close(1000, "");
    got = head + co_await bench.peer.read_to_end();
  });
  CHECK(client_reads(got) ==
        Messages{"text before", "text abcdef", "text behind", "ping ", "text last", "close 1000"});
}

TEST_CASE("ws_stream: closed in the middle of a message, the rest comes before the close frame") {
  Bench bench;
  std::string got;
  bench.run([&]() -> awaitable<void> {
    auto& stream = bench.side.stream;
    CHECK(stream.begin_message(6));
    stream.put_piece("abc");
    CHECK(stream.send("behind"));
    stream.close(1001, "bye");
    CHECK(stream.closing());
    CHECK(stream.send("too late"));
    stream.put_piece("def");
    got = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(client_reads(got) == Messages{"text abcdef", "text behind", "close 1001 bye"});
}

TEST_CASE(
    "ws_stream: a message that is ended by spaces is as long as was said, and needs no room") {
  constexpr std::size_t kLength = 30'000'000;
  WsLimits limits;
  limits.queue_max = 1'000'000;
  Bench bench(WsRole::server, limits);
  std::string got;
  bench.run([&]() -> awaitable<void> {
    auto& stream = bench.side.stream;
    CHECK(stream.begin_message(kLength));
    CHECK(stream.last_in_pieces() + 1s > Clock::now());
    stream.put_piece("abc");
    stream.pad();
    CHECK(stream.queued() < 1000);
    CHECK(stream.send("behind"));
    stream.close(1000, "");
    got = co_await bench.peer.read_to_end();
    bench.peer.close();
  });
  CHECK(bench.side.stream.last_in_pieces() + 60s > Clock::now());
  auto const events = client_reads(got);
  REQUIRE(events.size() == 3);
  CHECK(events[0].size() == 5 + kLength);
  CHECK(events[0].substr(0, 10) == "text abc  ");
  CHECK(events[0].find_first_not_of(' ', 8) == std::string::npos);
  CHECK(events[1] == "text behind");
}

TEST_CASE("ws_stream: a peer that never answers our close is left after a while") {
  Bench bench;
  auto const began = Clock::now();
  bench.run([&]() -> awaitable<void> {
    bench.side.stream.close(1001, "");
    co_return;
  });
  CHECK(Clock::now() - began < 20s);
}

TEST_CASE("ws_stream: a cancelled stream ends with its owner's tasks") {
  log::Capture const capture;
  for (bool const paused : {false, true}) {
    CAPTURE(paused);
    Loop loop;
    SocketPair pair(loop);
    Side side(loop, pair.take_near(loop), WsRole::server);
    side.pause = paused;
    auto body = [&]() -> awaitable<void> {
      Tasks tasks(loop.executor());
      tasks.spawn("stream", side.run());
      co_await test::let_others_run();
      tasks.stop();
      co_await tasks.join();
    };
    test::run(loop, body());
  }
  CHECK(capture.lines().empty());
}

}  // namespace bridge::net
