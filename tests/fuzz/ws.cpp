#include <algorithm>
#include <cstring>

#include "tests/fakes/ws_frames.hpp"
#include "tests/fuzz/checks.hpp"

namespace bridge::fuzz {
namespace {

struct Setting {
  net::WsRole role;
  bool check_utf8;
  std::size_t message_max;
};

struct Decoded {
  std::vector<std::string> events;
  std::uint16_t mistake = 0;
  bool operator==(Decoded const&) const = default;
};

Decoded decode(Setting const& setting, std::string_view bytes, std::size_t piece,
               bool in_pieces = false) {
  net::WsDecoder decoder(setting.role, setting.message_max, setting.check_utf8);
  test::FrameRecord record;
  record.in_pieces = in_pieces;
  Decoded out;
  auto const closed = [&] {
    return !record.events.empty() && record.events.back().starts_with("close ");
  };
  while (!bytes.empty() && out.mistake == 0 && !closed()) {
    out.mistake = test::feed(decoder, std::string(bytes.substr(0, piece)), record);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  out.events = std::move(record.events);
  return out;
}

/// Frames of a peer that keeps to the protocol: what they say must come out of the decoder.
void check_correct_peer(Setting setting, Bytes script) {
  setting.message_max = SIZE_MAX;
  bool const masked = setting.role == net::WsRole::server;
  std::string sent;
  std::vector<std::string> said;
  while (!script.empty()) {
    unsigned const kind = script.byte();
    std::string payload(script.take(script.byte()));
    if (kind % 4 == 1 && said.empty()) payload.append(70'000, 'x');  // the long form of the length
    std::string message;
    // In fragments, with a ping between them.
    unsigned const fragments = kind / 4 % 3;
    for (unsigned i = 0; i <= fragments; ++i) {
      test::RawFrame frame;
      frame.opcode = i == 0 ? 2 : 0;
      frame.fin = i == fragments;
      frame.payload = payload;
      frame.masked = masked;
      sent += frame.bytes();
      message += payload;
      if (frame.fin) continue;
      test::RawFrame ping;
      ping.opcode = 9;
      ping.payload = "p";
      ping.masked = masked;
      sent += ping.bytes();
      said.emplace_back("ping p");
    }
    said.push_back("binary " + message);
  }
  for (std::size_t const piece : {std::size_t{7000}, sent.size() + 1}) {
    auto const heard = decode(setting, sent, piece);
    require(heard.mistake == 0 && heard.events == said, "a correct peer is understood");
  }
  setting.role = masked ? net::WsRole::client : net::WsRole::server;
  require(
      sent.empty() || decode(setting, sent, sent.size()).mistake == net::ws_code::protocol_error,
      "a mask is there when, and only when, it has to be");
}

/// What we write ourselves, in one frame, under any mask.
void check_our_own(Setting const& setting, Bytes script) {
  std::uint32_t mask = 0;
  for (unsigned i = 0; i < 4; ++i) mask = mask << 8U | script.byte();
  bool const masked = setting.role == net::WsRole::server;
  std::size_t const padding = script.byte() % 4U * 33'000U;  // every form of the length
  auto const payload = std::string(padding, 'x') + std::string(script.rest());
  std::string sent(
      net::ws_header(net::WsOpcode::binary, payload.size(), masked ? &mask : nullptr).view());
  char key[4];
  std::memcpy(key, &mask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    sent += static_cast<char>(masked ? payload[i] ^ key[i % 4] : payload[i]);
  auto const heard = decode(setting, sent, 6001);
  if (payload.size() > setting.message_max)
    return require(heard.mistake == net::ws_code::too_big, "the limit");
  require(heard.mistake == 0 && heard.events == std::vector{"binary " + payload}, "our own words");
  for (std::size_t const piece : {std::size_t{61}, std::size_t{4099}, sent.size()})
    require(decode(setting, sent, piece, true) == heard, "the same in pieces");
}

/// A length is judged before its bytes come.
void check_claim(Setting const& setting, Bytes script) {
  test::RawFrame frame;
  frame.masked = setting.role == net::WsRole::server;
  for (unsigned i = 0; i < 8; ++i) frame.claim = frame.claim << 8U | script.byte();
  frame.claim = std::max<std::uint64_t>(frame.claim >> (1U + script.byte() % 63U), 1);
  auto const heard = decode(setting, frame.bytes(), 1);
  require(heard.mistake == (frame.claim > setting.message_max ? net::ws_code::too_big : 0),
          "a claim over the limit");
}

}  // namespace

void check_ws(std::string_view bytes) {
  Bytes in(bytes);
  unsigned const flags = in.byte();
  std::size_t const piece = 1U + in.byte();
  Setting const setting{flags & 1U ? net::WsRole::server : net::WsRole::client, (flags & 2U) != 0,
                        flags & 4U ? 100U : 70'000U};
  if (flags & 8U) return check_correct_peer(setting, in);
  if (flags & 16U) return check_our_own(setting, in);
  if (flags & 32U) return check_claim(setting, in);
  auto const rest = in.rest();
  auto const whole = decode(setting, rest, rest.size() + 1);
  require(decode(setting, rest, piece) == whole, "a cut changes nothing");
  require(decode(setting, rest, 1) == whole, "single bytes change nothing");
  require(decode(setting, rest, piece, true) == whole, "pieces change nothing");
  require(whole.mistake == 0 || (whole.mistake >= 1002 && whole.mistake <= 1009),
          "a known mistake");
  for (auto const& event : whole.events)
    if (event.starts_with("text ") || event.starts_with("binary "))
      require(event.size() <= setting.message_max + 7, "the limit of a message");
}

}  // namespace bridge::fuzz
