#include "net/ws_codec.hpp"

#include <openssl/rand.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace bridge::net {
namespace {

constexpr std::size_t kControlMax = 125;
constexpr std::size_t kReserveMax =
    8ULL << 20;  // trust a length claim no further than this before bytes come
constexpr std::size_t kKeepCapacity = 1ULL
                                      << 20;  // a larger buffer is given back after its message

bool is_control(WsOpcode opcode) {
  return static_cast<unsigned>(opcode) >= 8;
}

bool known_opcode(unsigned opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

// RFC 6455 7.4: which codes may stand in a close frame.
bool valid_close_code(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace

std::uint16_t WsDecoder::parse_header(std::span<char const> bytes) {
  header_ = Header{};
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 2) return 0;
  if ((byte(0) & 0x70U) != 0 || !known_opcode(byte(0) & 0x0fU)) return ws_code::protocol_error;
  header_.fin = (byte(0) & 0x80U) != 0;
  header_.opcode = static_cast<WsOpcode>(byte(0) & 0x0fU);
  header_.masked = (byte(1) & 0x80U) != 0;
  if (header_.masked != (self_ == WsRole::server)) return ws_code::protocol_error;

  unsigned const form = byte(1) & 0x7fU;
  std::size_t const length_bytes = form == 127 ? 8 : form == 126 ? 2 : 0;
  std::size_t const size = 2 + length_bytes + (header_.masked ? 4 : 0);
  if (is_control(header_.opcode) && (!header_.fin || form > kControlMax))
    return ws_code::protocol_error;
  if (bytes.size() < size) return 0;

  header_.length = form;
  if (length_bytes > 0) {
    header_.length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i)
      header_.length = header_.length << 8 | byte(2 + i);
    auto const least = length_bytes == 2 ? 126ULL : 65536ULL;
    if (header_.length < least || header_.length >> 63 != 0) return ws_code::protocol_error;
  }
  if (header_.masked)
    for (std::size_t i = 0; i < 4; ++i) header_.mask[i] = byte(2 + length_bytes + i);
  header_.size = size;
  return check_header();
}

std::uint16_t WsDecoder::check_header() const {
  if (is_control(header_.opcode)) return 0;
  bool const fragmented = kind_ != WsOpcode::continuation;
  if ((header_.opcode == WsOpcode::continuation) != fragmented) return ws_code::protocol_error;
  if (header_.length > message_max_ || message_.size() > message_max_ - header_.length)
    return ws_code::too_big;
  return 0;
}

std::uint16_t WsDecoder::feed(std::span<char> bytes, Sink& to) {
  for (;;) {
    if (header_.size == 0) {
      if (bytes.empty()) return 0;
      if (head_fill_ == 0) {
        if (auto const bad = parse_header(bytes); bad != 0) return bad;
        if (header_.size == 0) {
          std::memcpy(head_.data(), bytes.data(), bytes.size());
          head_fill_ = bytes.size();
          return 0;
        }
        bytes = bytes.subspan(header_.size);
      } else {
        auto const more = std::min(head_.size() - head_fill_, bytes.size());
        std::memcpy(head_.data() + head_fill_, bytes.data(), more);
        if (auto const bad = parse_header(std::span(head_).first(head_fill_ + more)); bad != 0)
          return bad;
        if (header_.size == 0) {
          head_fill_ += more;
          return 0;
        }
        bytes = bytes.subspan(header_.size - head_fill_);
        head_fill_ = 0;
      }
      taken_ = 0;
    }
    auto const n =
        static_cast<std::size_t>(std::min<std::uint64_t>(header_.length - taken_, bytes.size()));
    auto const piece = bytes.first(n);
    bytes = bytes.subspan(n);
    if (header_.masked) {
      std::uint32_t key = 0;
      std::memcpy(&key, header_.mask.data(), 4);
      apply_mask(piece, key, taken_);
    }
    bool go_on = true;
    if (auto const bad = take_payload(piece, to, go_on); bad != 0) return bad;
    if (!go_on) return 0;
    if (header_.size != 0) return 0;  // the frame goes on in the next receive
  }
}

std::uint16_t WsDecoder::take_payload(std::span<char> piece, Sink& to, bool& go_on) {
  bool const whole = piece.size() == header_.length;
  taken_ += piece.size();
  bool const complete = taken_ == header_.length;
  auto const header = header_;
  if (complete) header_.size = 0;

  if (is_control(header.opcode)) {
    if (whole) return control(header.opcode, piece, to, go_on);
    control_.append(piece.data(), piece.size());
    if (!complete) return 0;
    auto payload = std::exchange(control_, {});
    return control(header.opcode, payload, to, go_on);
  }
  auto const kind = kind_ == WsOpcode::continuation ? header.opcode : kind_;
  if (in_pieces_) {
    in_pieces_ = !complete;
    go_on = to.take_piece({piece.data(), piece.size()}, complete);
    return 0;
  }
  bool const one_frame = header.fin && kind_ == WsOpcode::continuation;
  if (one_frame && !complete && header.length > kPieceMin && !check_utf8_ &&
      offer(kind, piece, to, go_on))
    return 0;
  if (whole && header.fin && message_.empty()) {
    kind_ = WsOpcode::continuation;
    return deliver(kind, piece, to, go_on);
  }
  if (message_.capacity() - message_.size() < piece.size()) {
    auto const expected = message_.size() + header.length;
    message_.reserve(std::max<std::size_t>(
        2 * message_.size(),
        static_cast<std::size_t>(std::min<std::uint64_t>(expected, kReserveMax))));
  }
  message_.append(piece.data(), piece.size());
  if (!complete) return 0;
  if (!header.fin) {
    kind_ = kind;
    return 0;
  }
  kind_ = WsOpcode::continuation;
  auto const bad = deliver(kind, message_, to, go_on);
  message_.clear();
  if (message_.capacity() > kKeepCapacity) message_.shrink_to_fit();
  return bad;
}

// Once, as soon as its head is there.
bool WsDecoder::offer(WsOpcode kind, std::span<char> piece, Sink& to, bool& go_on) {
  std::string_view head(piece.data(), piece.size());
  std::string joined;
  if (message_.size() >= kHeadMin || message_.size() + piece.size() < kHeadMin) return false;
  if (!message_.empty()) {
    joined = message_;
    joined += head;
    head = joined;
  }
  if (!to.begin_pieces(kind, header_.length, head)) return false;
  message_.clear();
  in_pieces_ = true;
  go_on = to.take_piece(head, false);
  return true;
}

std::uint16_t WsDecoder::deliver(WsOpcode kind, std::span<char> payload, Sink& to, bool& go_on) {
  if (kind == WsOpcode::text && check_utf8_ &&
      !simdjson::validate_utf8(payload.data(), payload.size()))
    return ws_code::bad_payload;
  go_on = to.on_message(kind, payload);
  return 0;
}

std::uint16_t WsDecoder::control(WsOpcode opcode, std::span<char> payload, Sink& to, bool& go_on) {
  std::string_view const text(payload.data(), payload.size());
  if (opcode == WsOpcode::ping) {
    go_on = to.on_ping(text);
  } else if (opcode == WsOpcode::pong) {
    go_on = to.on_pong(text);
  } else {
    if (text.size() == 1) return ws_code::protocol_error;
    WsClose close{ws_code::no_status, {}};
    if (text.size() >= 2) {
      auto const code = static_cast<unsigned>(static_cast<unsigned char>(text[0])) << 8U |
                        static_cast<unsigned>(static_cast<unsigned char>(text[1]));
      if (!valid_close_code(code)) return ws_code::protocol_error;
      close.code = static_cast<std::uint16_t>(code);
      close.reason = text.substr(2);
      if (!simdjson::validate_utf8(close.reason)) return ws_code::bad_payload;
    }
    go_on = to.on_close(std::move(close));
  }
  return 0;
}

void apply_mask(std::span<char> bytes, std::uint32_t key, std::uint64_t phase) {
  key = std::rotr(key, static_cast<int>(8 * (phase % 4)));
  auto const wide = (static_cast<std::uint64_t>(key) << 32) | key;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    word ^= wide;
    std::memcpy(bytes.data() + i, &word, 8);
  }
  for (; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(key >> (8 * (i % 4))));
}

std::uint32_t WsMasks::next() {
  if (left_ == 0) {
    keys_.resize(256);
    auto const bytes = keys_.size() * sizeof keys_[0];
    if (RAND_bytes(reinterpret_cast<unsigned char*>(keys_.data()), static_cast<int>(bytes)) != 1)
      std::abort();
    left_ = keys_.size();
  }
  return keys_[--left_];
}

WsHeaderBytes ws_header(WsOpcode opcode, std::uint64_t length, std::uint32_t const* mask) {
  WsHeaderBytes out;
  auto const put = [&out](std::uint64_t value) {
    out.bytes[out.size++] = static_cast<char>(value);
  };
  unsigned const mask_bit = mask != nullptr ? 0x80U : 0U;
  put(0x80U | static_cast<unsigned>(opcode));
  if (length < 126) {
    put(mask_bit | length);
  } else if (length < 65536) {
    put(mask_bit | 126U);
    put(length >> 8);
    put(length);
  } else {
    put(mask_bit | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) put(length >> shift);
  }
  if (mask != nullptr) {
    std::memcpy(out.bytes.data() + out.size, mask, 4);
    out.size += 4;
  }
  return out;
}

std::string_view cut_close_reason(std::string_view reason) {
  if (reason.size() <= kCloseReasonMax) return reason;
  auto end = kCloseReasonMax;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xc0U) == 0x80U) --end;
  return reason.substr(0, end);
}

}  // namespace bridge::net
