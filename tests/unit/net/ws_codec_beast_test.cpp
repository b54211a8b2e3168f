// The only test file that includes Beast's WebSocket: it compiles slowly.
#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/beast/_experimental/test/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <random>
#include <string>
#include <vector>

#include "net/block_queue.hpp"
#include "net/ws_codec.hpp"
#include "net/ws_handshake.hpp"
#include "tests/fakes/ws_frames.hpp"

namespace bridge::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using test::FrameRecord;
using test::RawFrame;
using Events = std::vector<std::string>;
using error_code = boost::system::error_code;
using BeastStream = websocket::stream<beast::test::stream>;

constexpr std::size_t kMessageMax = 100'000;

/// A Beast stream in its data phase, in memory; `wire` is the other end's view.
struct Beast {
  explicit Beast(WsRole role) : ws(io), far(io) {
    ws.next_layer().connect(far);
    ws.read_message_max(kMessageMax);
    if (role == WsRole::server) {
      write(
          "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
      ws.accept();
    } else {
      answer_handshake();
    }
    (void)take();
  }
  void write(std::string_view bytes) { far.write_some(asio::buffer(bytes.data(), bytes.size())); }
  /// What Beast has sent since.
  std::string take() {
    auto const text = std::string(far.str());
    far.clear();
    return text;
  }
  /// Reads to the end of what was written. "fails" is the last event when Beast refuses it.
  Events read_all() {
    Events events;
    ws.control_callback([&](websocket::frame_type kind, beast::string_view payload) {
      if (kind == websocket::frame_type::ping) events.push_back("ping " + std::string(payload));
      if (kind == websocket::frame_type::pong) events.push_back("pong " + std::string(payload));
    });
    far.close();
    for (;;) {
      beast::flat_buffer buffer;
      error_code ec;
      ws.read(buffer, ec);
      if (ec == websocket::error::closed) {
        auto const& reason = ws.reason();
        auto const code =
            reason.code == websocket::close_code::none ? 1005 : static_cast<int>(reason.code);
        events.push_back("close " + std::to_string(code) + (reason.reason.empty() ? "" : " ") +
                         std::string(reason.reason.data(), reason.reason.size()));
        return events;
      }
      if (ec == asio::error::eof || ec == beast::test::error::test_failure ||
          ec == asio::error::connection_reset)
        return events;
      if (ec) {
        events.emplace_back("fails");
        return events;
      }
      auto const data = buffer.data();
      events.push_back((ws.got_text() ? "text " : "binary ") +
                       std::string(static_cast<char const*>(data.data()), data.size()));
    }
  }

  asio::io_context io;
  BeastStream ws;
  beast::test::stream far;

 private:
  // Both sides live on this thread: the request goes into memory, then we answer it.
  void answer_handshake() {
    bool done = false;
    ws.async_handshake("h", "/", [&](error_code ec) { done = !ec; });
    io.poll();
    auto const request = take();
    constexpr std::string_view kName = "Sec-WebSocket-Key: ";
    auto const at = request.find(kName) + kName.size();
    write("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
          ws_accept_for(request.substr(at, 24)) + "\r\n\r\n");
    io.restart();
    io.poll();
    io.restart();
    REQUIRE(done);
  }
};

Events we_read(WsRole self, std::string const& bytes) {
  WsDecoder decoder(self, kMessageMax, true);
  FrameRecord record;
  auto const bad = test::feed(decoder, bytes, record);
  if (bad != 0) record.events.emplace_back("fails");
  return record.events;
}

bool ends_inside_a_character(std::string_view text) {
  std::size_t behind = 0;  // continuation bytes at the end
  while (behind < text.size() && (text[text.size() - 1 - behind] & 0xc0) == 0x80) ++behind;
  if (behind == text.size()) return false;
  auto const lead = static_cast<unsigned char>(text[text.size() - 1 - behind]);
  std::size_t const due = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  return behind < due;
}

/// Close codes from 5000 up are nobody's, but Beast 1.81 takes them; 1014 has been registered
/// since. And Beast delivers short texts that end inside a character, which RFC 6455 8.1 forbids.
bool differs_on_purpose(Events const& ours, Events const& theirs) {
  auto const code = [](Events const& events) {
    bool const closed = !events.empty() && events.back().starts_with("close ");
    return closed ? std::stoi(events.back().substr(6)) : 0;
  };
  if (code(theirs) >= 5000 || code(ours) == 1014) return true;
  bool const we_stopped = !ours.empty() && ours.back() == "fails" && theirs.size() >= ours.size();
  if (!we_stopped || !std::equal(ours.begin(), ours.end() - 1, theirs.begin())) return false;
  auto const& next = theirs[ours.size() - 1];
  return next.starts_with("text ") && ends_inside_a_character(next);
}

/// The start of each, for a failed test's message.
std::string brief(Events const& events) {
  std::string out;
  for (auto const& event : events) {
    for (char const c : event.substr(0, 20)) out += c > ' ' && c <= '~' ? c : ' ';
    out += " (" + std::to_string(event.size()) + ")\n";
  }
  return out;
}

/// The two deliver messages alike; of control frames Beast may have seen fewer when it refuses,
/// because it checks UTF-8 fragment by fragment and we check whole messages.
Events without_controls(Events events) {
  std::erase_if(events, [](std::string const& event) {
    return event.starts_with("ping") || event.starts_with("pong");
  });
  return events;
}

class RandomFrames {
 public:
  explicit RandomFrames(std::uint32_t seed) : random_(seed) {}

  std::size_t pick(std::size_t most) { return random_() % (most + 1); }
  std::string payload(std::size_t most, bool text) {
    static constexpr std::string_view kPieces[] = {"a", "\xc3\xa4", "\xe2\x82\xac",
                                                   "\xf0\x9f\x98\x80", "xyz"};
    std::string out;
    auto const size = pick(most);
    while (out.size() < size)
      out += text ? kPieces[pick(4)] : std::string(1, static_cast<char>(random_()));
    return out;
  }
  /// A whole conversation of one side, with one mistake in it when `spoil`.
  std::string conversation(bool masked, bool spoil) {
    std::vector<RawFrame> frames;
    auto const messages = 1 + pick(6);
    for (std::size_t i = 0; i < messages; ++i) message(frames, masked);
    if (pick(1) == 0) control(frames, masked, 8);
    if (spoil) this->spoil(frames[pick(frames.size() - 1)]);
    std::string out;
    for (auto const& frame : frames) out += frame.bytes();
    return out;
  }

 private:
  void control(std::vector<RawFrame>& frames, bool masked, unsigned opcode) {
    static constexpr unsigned kCodes[] = {1000, 1001, 1002, 1003, 1007, 1008,
                                          1009, 1011, 1012, 3000, 4999};
    RawFrame frame;
    frame.opcode = opcode;
    frame.masked = masked;
    if (opcode != 8) frame.payload = payload(125, false).substr(0, 125);
    if (opcode == 8 && pick(3) > 0)
      frame.payload = test::close_payload(kCodes[pick(10)], payload(20, true));
    frames.push_back(std::move(frame));
  }
  void message(std::vector<RawFrame>& frames, bool masked) {
    bool const text = pick(1) == 0;
    static constexpr std::size_t kSizes[] = {0, 10, 130, 300, 70'000};
    auto const whole = payload(kSizes[pick(4)], text);
    auto const pieces = pick(2) == 0 ? 1 + pick(3) : 1;
    for (std::size_t i = 0, at = 0; i < pieces; ++i) {
      if (pick(4) == 0) control(frames, masked, pick(1) == 0 ? 9 : 10);
      auto const n = i + 1 == pieces ? whole.size() - at : pick(whole.size() - at);
      RawFrame frame;
      frame.opcode = i > 0 ? 0 : text ? 1 : 2;
      frame.fin = i + 1 == pieces;
      frame.masked = masked;
      frame.payload = whole.substr(at, n);
      frames.push_back(std::move(frame));
      at += n;
    }
  }
  void spoil(RawFrame& frame) {
    switch (pick(8)) {
      case 0:
        frame.rsv = 1 + static_cast<unsigned>(pick(6));
        break;
      case 1:
        frame.opcode = static_cast<unsigned>(pick(15));
        break;
      case 2:
        frame.masked = !frame.masked;
        break;
      case 3:
        frame.fin = !frame.fin;
        break;
      case 4:
        frame.payload += "\xff";
        break;
      case 5:
        frame.length_form = frame.payload.size() < 126 ? 2 : 8;
        break;
      case 6:
        frame.payload.append(130, 'x');
        break;
      case 7:
        frame.payload.append(kMessageMax, 'x');
        break;
      default:
        // Beast 1.81.
        if (frame.opcode == 8)
          frame.payload = test::close_payload(static_cast<unsigned>(pick(1013)));
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("ws_codec_beast: what Beast accepts we accept, with the same messages") {
  RandomFrames random(1);
  for (int round = 0; round < 500; ++round) {
    CAPTURE(round);
    auto const role = round % 2 == 0 ? WsRole::server : WsRole::client;
    auto const bytes = random.conversation(role == WsRole::server, false);
    Beast beast(role);
    beast.write(bytes);
    auto const theirs = beast.read_all();
    REQUIRE((theirs.empty() || theirs.back() != "fails"));
    REQUIRE(we_read(role, bytes) == theirs);
  }
}

TEST_CASE("ws_codec_beast: what Beast refuses we refuse, after the same messages") {
  RandomFrames random(2);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    CAPTURE(round);
    auto const role = round % 2 == 0 ? WsRole::server : WsRole::client;
    auto const bytes = random.conversation(role == WsRole::server, true);
    Beast beast(role);
    beast.write(bytes);
    auto const theirs = beast.read_all();
    auto const ours = we_read(role, bytes);
    auto const fails = !theirs.empty() && theirs.back() == "fails";
    if (differs_on_purpose(ours, theirs)) continue;
    INFO("ours:\n" << brief(ours) << "theirs:\n" << brief(theirs));
    if (fails) ++refused;
    REQUIRE(without_controls(ours) == without_controls(theirs));
    if (!fails) REQUIRE(ours == theirs);
  }
  CHECK(refused > 600);
}

TEST_CASE("ws_codec_beast: our frames are read by Beast") {
  for (auto const role : {WsRole::server, WsRole::client}) {  // Beast's
    BlockPool pool;
    WsMasks masks;
    RandomFrames random(3);
    for (std::size_t const size : {0UL, 1UL, 125UL, 126UL, 127UL, 65535UL, 65536UL, 99'000UL}) {
      CAPTURE(size);
      BlockQueue queue(pool);
      Events expected;
      auto const put = [&](WsOpcode kind, std::string const& payload) {
        if (role == WsRole::client) {
          queue.append(ws_header(kind, payload.size(), nullptr).view());
          queue.append(payload);
          return;
        }
        auto const mask = masks.next();
        queue.append(ws_header(kind, payload.size(), &mask).view());
        auto const cut = random.pick(payload.size());
        auto const phase = queue.append_masked(std::string_view(payload).substr(0, cut), mask, 0);
        (void)queue.append_masked(std::string_view(payload).substr(cut), mask, phase);
      };
      std::string const text(size, 't');
      put(WsOpcode::text, text);
      put(WsOpcode::ping, "beat");
      put(WsOpcode::binary, text);
      put(WsOpcode::pong, "");
      put(WsOpcode::close, test::close_payload(1012, "restart"));
      std::string bytes;
      std::array<asio::const_buffer, 16> pieces;
      for (std::size_t i = 0, n = queue.peek(pieces); i < n; ++i)
        bytes.append(static_cast<char const*>(pieces[i].data()), pieces[i].size());
      Beast beast(role);
      beast.write(bytes);
      CHECK(beast.read_all() ==
            Events{"text " + text, "ping beat", "binary " + text, "pong ", "close 1012 restart"});
    }
  }
}

TEST_CASE("ws_codec_beast: Beast's frames are read by us, fragmented or not") {
  std::mt19937 random(4);
  std::size_t pieces = 0;
  RandomFrames payloads(5);
  for (int round = 0; round < 200; ++round) {
    CAPTURE(round);
    auto const theirs = round % 2 == 0 ? WsRole::client : WsRole::server;
    Beast beast(theirs);
    beast.ws.auto_fragment(round % 3 != 0);
    beast.ws.write_buffer_bytes(8 + random() % 5000);
    Events expected;
    for (int i = 0; i < 5; ++i) {
      bool const text = random() % 2 == 0;
      auto const payload = payloads.payload(random() % 3 == 0 ? 70'000 : 200, text);
      beast.ws.text(text);
      beast.ws.write(asio::buffer(payload));
      expected.push_back((text ? "text " : "binary ") + payload);
      if (i == 2) {
        beast.ws.write_some(false, asio::buffer("frag", 4));
        beast.ws.ping("beat");
        beast.ws.pong({});
        beast.ws.write_some(true, asio::buffer("ment", 4));
        expected.insert(expected.end(), {"ping beat", "pong ",
                                         (text ? "text " : "binary ") + std::string("fragment")});
      }
    }
    auto const bytes = beast.take();
    WsDecoder decoder(theirs == WsRole::client ? WsRole::server : WsRole::client, kMessageMax,
                      true);
    FrameRecord record;
    for (std::size_t at = 0; at < bytes.size();) {
      auto const n = 1 + random() % 20'000;
      REQUIRE(test::feed(decoder, bytes.substr(at, n), record) == 0);
      at += n;
    }
    REQUIRE(record.events == expected);
    if (theirs == WsRole::client) continue;
    // Of a trusted upstream, large ones in pieces.
    WsDecoder trusting(WsRole::client, kMessageMax, false);
    FrameRecord in_pieces;
    in_pieces.in_pieces = true;
    for (std::size_t at = 0; at < bytes.size();) {
      auto const n = 1 + random() % 20'000;
      REQUIRE(test::feed(trusting, bytes.substr(at, n), in_pieces) == 0);
      at += n;
    }
    REQUIRE(in_pieces.events == expected);
    pieces += in_pieces.pieces;
  }
  CHECK(pieces > 10);
}

}  // namespace bridge::net
