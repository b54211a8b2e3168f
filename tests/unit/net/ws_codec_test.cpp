#include "net/ws_codec.hpp"

#include <doctest/doctest.h>
#include <malloc.h>

#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "net/block_queue.hpp"
#include "tests/fakes/ws_frames.hpp"

namespace bridge::net {
namespace {

using test::close_payload;
using test::feed;
using test::FrameRecord;
using test::RawFrame;
using Events = std::vector<std::string>;

constexpr std::size_t kMax = 64ULL << 20;

/// What a server makes of a client's `bytes`; "fails 1002" is the last event when it refuses them.
Events server_reads(std::string const& bytes, std::size_t message_max = kMax,
                    bool check_utf8 = true) {
  WsDecoder decoder(WsRole::server, message_max, check_utf8);
  FrameRecord record;
  auto const bad = feed(decoder, bytes, record);
  if (bad != 0) record.events.push_back("fails " + std::to_string(bad));
  return record.events;
}

RawFrame client_frame(unsigned opcode, std::string payload = {}, bool fin = true) {
  RawFrame frame;
  frame.opcode = opcode;
  frame.payload = std::move(payload);
  frame.fin = fin;
  frame.masked = true;
  return frame;
}
std::string client_bytes(unsigned opcode, std::string payload = {}, bool fin = true) {
  return client_frame(opcode, std::move(payload), fin).bytes();
}

Events const kFails{"fails 1002"};

/// A conversation with everything in it: fragments, control frames between, all length forms.
std::string whole_conversation(bool masked, Events& expected) {
  std::string bytes;
  auto const add = [&](unsigned opcode, std::string const& payload, bool fin = true) {
    auto frame = client_frame(opcode, payload, fin);
    frame.masked = masked;
    bytes += frame.bytes();
  };
  std::string const medium(300, 'm');
  add(1, "hello");
  add(1, "");
  add(2, std::string("\0\xff\x80", 3));
  add(1, "fr", false);
  add(9, "beat");
  add(0, "", false);
  add(0, "ag\xe2\x82", false);
  add(10, "");
  add(0, "\xac.", true);
  add(1, medium);
  add(9, std::string(125, 'p'));
  add(2, "", false);
  add(0, "", true);
  add(8, close_payload(1001, "bye"));
  expected = {"text hello",
              "text ",
              std::string("binary \0\xff\x80", 10),
              "ping beat",
              "pong ",
              "text frag\xe2\x82\xac.",
              "text " + medium,
              "ping " + std::string(125, 'p'),
              "binary ",
              "close 1001 bye"};
  return bytes;
}

}  // namespace

TEST_CASE("ws_codec: every length form carries its message") {
  for (std::size_t const length :
       {0UL, 1UL, 7UL, 8UL, 125UL, 126UL, 127UL, 65535UL, 65536UL, 200'000UL}) {
    CAPTURE(length);
    std::string const payload(length, 'a');
    CHECK(server_reads(client_bytes(1, payload)) == Events{"text " + payload});
  }
}

TEST_CASE("ws_codec: a length written longer than need be is refused") {
  for (auto const& [length, form] : {std::pair(0U, 2), std::pair(125U, 2), std::pair(0U, 8),
                                     std::pair(126U, 8), std::pair(65535U, 8)}) {
    CAPTURE(length);
    CAPTURE(form);
    auto frame = client_frame(1, std::string(length, 'a'));
    frame.length_form = form;
    CHECK(server_reads(frame.bytes()) == kFails);
  }
  auto negative = client_frame(2);
  negative.claim = 1ULL << 63;
  CHECK(server_reads(negative.bytes()) == kFails);
}

TEST_CASE("ws_codec: clients must mask and servers must not") {
  auto const plain = test::text_frame("x", false);
  auto const masked = test::text_frame("x", true);
  CHECK(server_reads(plain) == kFails);
  CHECK(server_reads(masked) == Events{"text x"});
  WsDecoder client(WsRole::client, kMax, true);
  FrameRecord record;
  CHECK(feed(client, plain, record) == 0);
  CHECK(record.events == Events{"text x"});
  CHECK(feed(client, masked, record) == ws_code::protocol_error);
}

TEST_CASE("ws_codec: reserved bits and opcodes are refused at their first bytes") {
  for (unsigned rsv = 1; rsv < 8; ++rsv) {
    auto frame = client_frame(1, "x");
    frame.rsv = rsv;
    CHECK(server_reads(frame.bytes()) == kFails);
  }
  for (unsigned const opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    CAPTURE(opcode);
    CHECK(server_reads(client_bytes(opcode)) == kFails);
    CHECK(server_reads(client_bytes(opcode).substr(0, 2)) == kFails);
  }
}

TEST_CASE("ws_codec: control frames are whole and short") {
  for (unsigned const opcode : {9U, 10U}) {
    CHECK(server_reads(client_bytes(opcode, std::string(125, 'p'))).size() == 1);
    CHECK(server_reads(client_bytes(opcode, std::string(125, 'p')))[0] != kFails[0]);
    CHECK(server_reads(client_bytes(opcode, std::string(126, 'p'))) == kFails);
    CHECK(server_reads(client_bytes(opcode, std::string(126, 'p')).substr(0, 2)) == kFails);
    CHECK(server_reads(client_bytes(opcode, "x", false)) == kFails);
  }
  CHECK(server_reads(client_bytes(8, close_payload(1000, std::string(123, 'r')))).size() == 1);
  CHECK(server_reads(client_bytes(8, close_payload(1000, std::string(124, 'r')))) == kFails);
  CHECK(server_reads(client_bytes(8, "", false)) == kFails);
}

TEST_CASE("ws_codec: fragments join, with control frames between them") {
  Events expected;
  auto const bytes = whole_conversation(true, expected);
  CHECK(server_reads(bytes) == expected);
}

TEST_CASE("ws_codec: fragments out of order are refused") {
  CHECK(server_reads(client_bytes(0, "x")) == kFails);
  CHECK(server_reads(client_bytes(1, "a", false) + client_bytes(1, "b")) == kFails);
  CHECK(server_reads(client_bytes(1, "a", false) + client_bytes(2, "b", false)) == kFails);
  CHECK(server_reads(client_bytes(1, "", false) + client_bytes(1, "")) == kFails);
  CHECK(server_reads(client_bytes(1, "a") + client_bytes(0, "b")) ==
        Events{"text a", "fails 1002"});
  CHECK(server_reads(client_bytes(2, "a", false) + client_bytes(0, "b") + client_bytes(0, "c")) ==
        Events{"binary ab", "fails 1002"});
}

TEST_CASE("ws_codec: the close frame's payload is checked") {
  CHECK(server_reads(client_bytes(8)) == Events{"close 1005"});
  CHECK(server_reads(client_bytes(8, "\x03")) == kFails);
  for (unsigned const code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
    CAPTURE(code);
    CHECK(server_reads(client_bytes(8, close_payload(code))) ==
          Events{"close " + std::to_string(code)});
  }
  for (unsigned const code :
       {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    CAPTURE(code);
    CHECK(server_reads(client_bytes(8, close_payload(code))) == kFails);
  }
  CHECK(server_reads(client_bytes(8, close_payload(1000, "gr\xc3\xbc\xc3\x9f"))) ==
        Events{"close 1000 gr\xc3\xbc\xc3\x9f"});
  CHECK(server_reads(client_bytes(8, close_payload(1000, "\xff"))) == Events{"fails 1007"});
}

TEST_CASE("ws_codec: text is UTF-8 or refused with 1007, binary is not looked at") {
  for (std::string const text : {"\xff", "\xc3", "a\xe2\x82", "\xed\xa0\x80", "\xc0\xaf",
                                 "\xf4\x90\x80\x80", "\x80", "\xf8\x88\x80\x80\x80"}) {
    CAPTURE(text);
    CHECK(server_reads(client_bytes(1, text)) == Events{"fails 1007"});
    CHECK(server_reads(client_bytes(1, text, false) + client_bytes(0)) == Events{"fails 1007"});
    CHECK(server_reads(client_bytes(2, text)) == Events{"binary " + text});
    CHECK(server_reads(client_bytes(1, text), kMax, false) == Events{"text " + text});
  }
  std::string const good = "\xf0\x9f\x98\x80\xef\xbf\xbd\xf4\x8f\xbf\xbf";
  for (std::size_t cut = 0; cut <= good.size(); ++cut) {
    auto const bytes =
        client_bytes(1, good.substr(0, cut), false) + client_bytes(0, good.substr(cut));
    CHECK(server_reads(bytes) == Events{"text " + good});
  }
}

TEST_CASE("ws_codec: the limit holds for one frame and for the sum of fragments") {
  CHECK(server_reads(client_bytes(1, "12345678"), 8).size() == 1);
  CHECK(server_reads(client_bytes(1, "123456789"), 8) == Events{"fails 1009"});
  CHECK(server_reads(client_bytes(1, "1234", false) + client_bytes(0, "5678"), 8) ==
        Events{"text 12345678"});
  CHECK(server_reads(client_bytes(1, "1234", false) + client_bytes(0, "56789"), 8) ==
        Events{"fails 1009"});
  CHECK(server_reads(client_bytes(1, "", false) + client_bytes(0, "123456789"), 8) ==
        Events{"fails 1009"});
  // Messages do not add up, and control frames do not count.
  CHECK(server_reads(client_bytes(1, "12345678") + client_bytes(9, std::string(100, 'p')) +
                         client_bytes(1, "12345678"),
                     8)
            .size() == 3);
  CHECK(server_reads(client_bytes(1, "x"), 0) == Events{"fails 1009"});
  CHECK(server_reads(client_bytes(1, ""), 0) == Events{"text "});
}

TEST_CASE("ws_codec: a message over the limit is refused by its header alone") {
  auto frame = client_frame(1);
  frame.claim = kMax + 1;
  CHECK(server_reads(frame.bytes()) == Events{"fails 1009"});
  frame.claim = (1ULL << 63) - 1;
  CHECK(server_reads(frame.bytes()) == Events{"fails 1009"});
  CHECK(server_reads(client_bytes(1, "1", false) + [] {
          auto rest = client_frame(0);
          rest.claim = kMax;
          return rest.bytes();
        }()) == Events{"fails 1009"});
}

TEST_CASE("ws_codec: a length is only a claim, memory follows the bytes") {
  auto const used = [] {
    auto const info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  auto frame = client_frame(1);
  frame.claim = kMax;
  auto const before = used();
  WsDecoder decoder(WsRole::server, kMax, true);
  FrameRecord record;
  CHECK(feed(decoder, frame.bytes() + "some", record) == 0);
  CHECK(used() - before < 16ULL << 20);
  // Nobody has that much.
  frame.claim = 1ULL << 60;
  WsDecoder unlimited(WsRole::server, std::numeric_limits<std::size_t>::max(), true);
  CHECK(feed(unlimited, frame.bytes() + "some", record) == 0);
  CHECK(record.events.empty());
}

TEST_CASE("ws_codec: every split of the input gives the same messages") {
  for (auto const role : {WsRole::server, WsRole::client}) {
    Events expected;
    auto const bytes = whole_conversation(role == WsRole::server, expected);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      CAPTURE(cut);
      WsDecoder decoder(role, kMax, true);
      FrameRecord record;
      REQUIRE(feed(decoder, bytes.substr(0, cut), record) == 0);
      REQUIRE(feed(decoder, bytes.substr(cut), record) == 0);
      REQUIRE(record.events == expected);
    }
    WsDecoder decoder(role, kMax, true);
    FrameRecord record;
    for (char const c : bytes) REQUIRE(feed(decoder, std::string(1, c), record) == 0);
    CHECK(record.events == expected);
  }
}

TEST_CASE("ws_codec: random splits give the same messages") {
  std::mt19937 random(5);
  Events expected;
  auto bytes = whole_conversation(true, expected);
  bytes.insert(0, client_bytes(1, std::string(70'000, 'x')));
  expected.insert(expected.begin(), "text " + std::string(70'000, 'x'));
  for (int round = 0; round < 500; ++round) {
    WsDecoder decoder(WsRole::server, kMax, true);
    FrameRecord record;
    for (std::size_t at = 0; at < bytes.size();) {
      auto const n = random() % (random() % 3 == 0 ? 40'000 : 20);
      REQUIRE(feed(decoder, bytes.substr(at, n), record) == 0);
      at += n;
    }
    REQUIRE(record.events == expected);
  }
}

TEST_CASE("ws_codec: every split of a refused input is refused alike") {
  Events before;
  auto const start = whole_conversation(true, before).substr(0, 11 + 6);
  for (auto const& bad : {client_bytes(3), client_bytes(0, "x"), client_bytes(1, "\xff\xfe"),
                          client_bytes(9, std::string(126, 'x')), client_bytes(8, "\x03"),
                          test::text_frame("x", false)}) {
    auto const bytes = start + bad;
    auto const code = server_reads(bytes).back();
    REQUIRE(code.starts_with("fails"));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      CAPTURE(cut);
      WsDecoder decoder(WsRole::server, kMax, true);
      FrameRecord record;
      auto result = feed(decoder, bytes.substr(0, cut), record);
      if (result == 0) result = feed(decoder, bytes.substr(cut), record);
      REQUIRE("fails " + std::to_string(result) == code);
      REQUIRE(record.events == Events{"text hello", "text "});
    }
  }
}

TEST_CASE("ws_codec: nothing is delivered after the receiver said stop") {
  for (std::size_t const stop : {1UL, 2UL, 3UL, 5UL}) {
    Events expected;
    auto const bytes = whole_conversation(true, expected);
    WsDecoder decoder(WsRole::server, kMax, true);
    FrameRecord record;
    record.stop_after = stop;
    CHECK(feed(decoder, bytes, record) == 0);
    expected.resize(stop);
    CHECK(record.events == expected);
  }
}

TEST_CASE("ws_codec: a large message of one frame can be taken in pieces, however it is split") {
  auto const reads = [](std::string const& bytes, std::vector<std::size_t> const& cuts,
                        FrameRecord& record) {
    WsDecoder decoder(WsRole::client, kMax, false);
    std::size_t at = 0;
    for (auto const cut : cuts) {
      CHECK(feed(decoder, bytes.substr(at, cut - at), record) == 0);
      at = cut;
    }
    CHECK(feed(decoder, bytes.substr(at), record) == 0);
  };
  auto const text = [](std::size_t size) {
    std::string out(size, ' ');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i % 26);
    return out;
  };
  auto const small = test::text_frame("small", false);
  auto const large = test::text_frame(text(65'537), false);
  auto const bytes = small + large + small + large + small;
  Events const expected{"text small", "text " + text(65'537), "text small", "text " + text(65'537),
                        "text small"};
  std::vector<std::vector<std::size_t>> splits;
  for (std::size_t cut = 1; cut < 400; ++cut) splits.push_back({cut, 60'000});
  for (std::size_t cut = small.size(); cut < small.size() + 160; ++cut)
    splits.push_back({cut, cut + 1, cut + 100, cut + 128, cut + 129, cut + 60'000});
  for (std::size_t cut = small.size() + large.size() - 3; cut < small.size() + large.size() + 12;
       ++cut)
    splits.push_back({small.size() + 200, cut});
  for (auto const& cuts : splits) {
    CAPTURE(cuts.front());
    FrameRecord record;
    record.in_pieces = true;
    reads(bytes, cuts, record);
    CHECK(record.events == expected);
    CHECK(record.pieces >= 2);
    FrameRecord whole;  // offered, and not wanted
    reads(bytes, cuts, whole);
    CHECK(whole.events == expected);
    CHECK(whole.pieces == 0);
  }
}

TEST_CASE("ws_codec: nothing is offered in pieces that is short, in fragments, or must be UTF-8") {
  auto const pieces_of = [](std::string const& bytes, bool check_utf8) {
    WsDecoder decoder(WsRole::client, kMax, check_utf8);
    FrameRecord record;
    record.in_pieces = true;
    for (std::size_t at = 0; at < bytes.size(); at += 1000)
      CHECK(feed(decoder, bytes.substr(at, 1000), record) == 0);
    CHECK(record.events.size() == 1);
    return record.pieces;
  };
  auto const fragments = client_frame(1, std::string(70'000, 'x'), false);
  RawFrame first = fragments;
  first.masked = false;
  RawFrame last = first;
  last.opcode = 0;
  last.fin = true;
  CHECK(pieces_of(first.bytes() + last.bytes(), false) == 0);
  CHECK(pieces_of(test::text_frame(std::string(65'536, 'x'), false), false) == 0);
  CHECK(pieces_of(test::text_frame(std::string(70'000, 'x'), false), true) == 0);
  CHECK(pieces_of(test::text_frame(std::string(70'000, 'x'), false), false) > 0);
}

TEST_CASE("ws_codec: our headers are the shortest and carry the mask") {
  CHECK(ws_header(WsOpcode::text, 5, nullptr).view() == "\x81\x05");
  CHECK(ws_header(WsOpcode::close, 0, nullptr).view() == std::string_view("\x88\0", 2));
  CHECK(ws_header(WsOpcode::binary, 126, nullptr).view() == std::string_view("\x82\x7e\0\x7e", 4));
  CHECK(ws_header(WsOpcode::text, 65535, nullptr).view() == "\x81\x7e\xff\xff");
  CHECK(ws_header(WsOpcode::text, 65536, nullptr).view() ==
        std::string_view("\x81\x7f\0\0\0\0\0\1\0\0", 10));
  std::uint32_t mask = 0;
  std::memcpy(&mask, "ABCD", 4);
  CHECK(ws_header(WsOpcode::ping, 1, &mask).view() ==
        "\x89\x81"
        "ABCD");
  CHECK(ws_header(WsOpcode::text, 1ULL << 40, &mask).view() ==
        std::string_view("\x81\xff\0\0\1\0\0\0\0\0ABCD", 14));
}

TEST_CASE("ws_codec: what we send, masked in pieces, we read") {
  BlockPool pool;
  WsMasks masks;
  for (std::size_t const length : {0UL, 1UL, 125UL, 126UL, 65535UL, 65536UL, 150'000UL}) {
    BlockQueue queue(pool);
    auto const mask = masks.next();
    std::string payload(length, '\0');
    for (std::size_t i = 0; i < length; ++i) payload[i] = static_cast<char>('a' + i % 26);
    queue.append(ws_header(WsOpcode::text, length, &mask).view());
    auto const cut = length / 3;
    auto const phase = queue.append_masked(std::string_view(payload).substr(0, cut), mask, 0);
    (void)queue.append_masked(std::string_view(payload).substr(cut), mask, phase);
    std::string bytes;
    std::array<boost::asio::const_buffer, 8> pieces;
    for (std::size_t i = 0, n = queue.peek(pieces); i < n; ++i)
      bytes.append(static_cast<char const*>(pieces[i].data()), pieces[i].size());
    CHECK(server_reads(bytes) == Events{"text " + payload});
  }
}

TEST_CASE("ws_codec: mask keys do not repeat") {
  WsMasks masks;
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(masks.next());
  CHECK(seen.size() > 1990);
}

TEST_CASE("ws_codec: a close reason is cut at a character, not in one") {
  CHECK(cut_close_reason("short") == "short");
  std::string const full(123, 'r');
  CHECK(cut_close_reason(full) == full);
  CHECK(cut_close_reason(full + "r") == full);
  for (std::size_t lead = 118; lead <= 123; ++lead) {
    auto const reason = std::string(lead, 'r') + "\xf0\x9f\x98\x80" + "tail";
    auto const cut = cut_close_reason(reason);
    CHECK(cut.size() <= kCloseReasonMax);
    CHECK(cut == (lead + 4 <= 123 ? reason.substr(0, 123) : reason.substr(0, lead)));
  }
  CHECK(cut_close_reason(std::string(200, '\x80')).empty());
}

}  // namespace bridge::net
