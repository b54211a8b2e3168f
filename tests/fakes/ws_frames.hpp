#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/ws_codec.hpp"

namespace bridge::test {

/// A WebSocket frame written byte for byte, right or wrong: independent of the code under test.
struct RawFrame {
  bool fin = true;
  unsigned opcode = 1;
  std::string payload;
  bool masked = false;
  unsigned rsv = 0;
  int length_form = -1;     ///< bytes of extended length: 0, 2, 8; -1 as short as can be
  std::uint64_t claim = 0;  ///< a length to claim instead of the payload's

  [[nodiscard]] std::string bytes() const {
    auto const length = claim != 0 ? claim : payload.size();
    auto const form = length_form >= 0 ? length_form : length < 126 ? 0 : length < 65536 ? 2 : 8;
    std::string out;
    out += static_cast<char>((fin ? 0x80U : 0U) | rsv << 4 | opcode);
    unsigned const mask_bit = masked ? 0x80U : 0U;
    if (form == 0) {
      out += static_cast<char>(mask_bit | static_cast<unsigned>(length));
    } else {
      out += static_cast<char>(mask_bit | (form == 2 ? 126U : 127U));
      for (int shift = 8 * (form - 1); shift >= 0; shift -= 8)
        out += static_cast<char>(length >> shift);
    }
    if (!masked) return out + payload;
    constexpr std::array<unsigned char, 4> kKey{0x12, 0xfe, 0x00, 0x9a};
    out.append(reinterpret_cast<char const*>(kKey.data()), kKey.size());
    for (std::size_t i = 0; i < payload.size(); ++i)
      out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ kKey[i % 4]);
    return out;
  }
};

[[nodiscard]] inline std::string text_frame(std::string_view payload, bool masked) {
  RawFrame frame;
  frame.payload = payload;
  frame.masked = masked;
  return frame.bytes();
}

[[nodiscard]] inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code)} + std::string(reason);
}

[[nodiscard]] inline std::string close_frame(unsigned code, std::string_view reason, bool masked) {
  RawFrame frame;
  frame.opcode = 8;
  frame.payload = close_payload(code, reason);
  frame.masked = masked;
  return frame.bytes();
}

/// Writes down what a decoder delivers: "text hello", "binary x", "ping p", "pong p",
/// "close 1000 bye".
class FrameRecord final : public net::WsDecoder::Sink {
 public:
  bool on_message(net::WsOpcode kind, std::span<char> payload) override {
    auto const word = kind == net::WsOpcode::text ? "text " : "binary ";
    return put(word + std::string(payload.data(), payload.size()));
  }
  /// In pieces, when the decoder offers them and `in_pieces` is set: the same event, and `pieces`.
  bool begin_pieces(net::WsOpcode kind, std::uint64_t length, std::string_view head) override {
    if (head.size() < net::WsDecoder::kHeadMin || length <= net::WsDecoder::kPieceMin)
      (void)put("offered too soon");
    passing_ = kind == net::WsOpcode::text ? "text " : "binary ";
    return in_pieces;
  }
  bool take_piece(std::string_view piece, bool last) override {
    ++pieces;
    passing_ += piece;
    return !last || put(std::exchange(passing_, {}));
  }
  bool on_ping(std::string_view payload) override { return put("ping " + std::string(payload)); }
  bool on_pong(std::string_view payload) override { return put("pong " + std::string(payload)); }
  bool on_close(net::WsClose close) override {
    (void)put("close " + std::to_string(close.code) + (close.reason.empty() ? "" : " ") +
              close.reason);
    return false;  // nothing comes after it
  }

  std::vector<std::string> events;
  bool in_pieces = false;
  std::size_t pieces = 0;
  std::size_t stop_after = SIZE_MAX;  ///< events, then feed() is told to stop

 private:
  std::string passing_;

  bool put(std::string event) {
    events.push_back(std::move(event));
    return events.size() < stop_after;
  }
};

/// Feeds a copy of `bytes`, because decoding unmasks in place. The close code, or 0.
[[nodiscard]] inline std::uint16_t feed(net::WsDecoder& decoder, std::string bytes,
                                        net::WsDecoder::Sink& to) {
  return decoder.feed(bytes, to);
}

}  // namespace bridge::test
