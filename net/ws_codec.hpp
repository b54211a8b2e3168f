#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::net {

// RFC 6455 framing, pure: bytes in, messages out. No extension is ever negotiated, so RSV bits are
// errors.

enum class WsOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};
enum class WsRole { client, server };

struct WsClose {
  std::uint16_t code = 0;  ///< 0: none, 1005: a close frame without a code
  std::string reason;
};

/// Codes this program sends or reads (RFC 6455 section 7.4.1 and its registry).
namespace ws_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported = 1003;
inline constexpr std::uint16_t no_status = 1005;
inline constexpr std::uint16_t bad_payload = 1007;
inline constexpr std::uint16_t policy = 1008;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t internal_error = 1011;
inline constexpr std::uint16_t service_restart = 1012;
inline constexpr std::uint16_t try_again_later = 1013;
}  // namespace ws_code

/// Longest reason a close frame can hold.
inline constexpr std::size_t kCloseReasonMax = 123;

/// Takes the byte stream of one peer apart.
class WsDecoder {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    /// A whole text or binary message, unmasked. The bytes last for the call. False stops feed().
    virtual bool on_message(WsOpcode kind, std::span<char> payload) = 0;
    /// A message of `length` bytes, more than kPieceMin, begins with `head`, at least kHeadMin of
    /// it. True: take_piece() gets all of it, `head` included, in place of on_message().
    virtual bool begin_pieces(WsOpcode /*kind*/, std::uint64_t /*length*/,
                              std::string_view /*head*/) {
      return false;
    }
    virtual bool take_piece(std::string_view /*piece*/, bool /*last*/) { return true; }
    virtual bool on_ping(std::string_view payload) = 0;
    virtual bool on_pong(std::string_view payload) = 0;
    virtual bool on_close(WsClose close) = 0;
  };

  static constexpr std::uint64_t kPieceMin = 64 * 1024;
  static constexpr std::size_t kHeadMin = 128;

  /// `self` is our role: a server demands masked frames, a client plain ones.
  WsDecoder(WsRole self, std::size_t message_max, bool check_utf8)
      : self_(self), message_max_(message_max), check_utf8_(check_utf8) {}

  /// Takes all of `bytes` (unmasking in place). 0, or the close code the peer's mistake deserves;
  /// the decoder is dead then. Limits are checked before memory is taken. A message is offered in
  /// pieces when it is one frame and need not be UTF-8.
  [[nodiscard]] std::uint16_t feed(std::span<char> bytes, Sink& to);

 private:
  struct Header {
    bool fin = false;
    WsOpcode opcode = WsOpcode::continuation;
    bool masked = false;
    std::uint64_t length = 0;
    std::array<unsigned char, 4> mask{};
    std::size_t size = 0;
  };

  /// 0 and a header, 0 and header_.size == 0 for "more bytes needed", or a close code.
  std::uint16_t parse_header(std::span<char const> bytes);
  std::uint16_t check_header() const;
  std::uint16_t take_payload(std::span<char> piece, Sink& to, bool& go_on);
  /// True: the piece has been taken.
  bool offer(WsOpcode kind, std::span<char> piece, Sink& to, bool& go_on);
  std::uint16_t deliver(WsOpcode kind, std::span<char> payload, Sink& to, bool& go_on);
  std::uint16_t control(WsOpcode opcode, std::span<char> payload, Sink& to, bool& go_on);

  WsRole self_;
  std::size_t message_max_;
  bool check_utf8_;

  Header header_;                // of the frame being read; size 0: none yet
  std::array<char, 14> head_{};  // header bytes split over receives
  std::size_t head_fill_ = 0;
  std::uint64_t taken_ = 0;                 // payload bytes of the current frame seen so far
  std::string message_;                     // fragments, and messages split over receives
  bool in_pieces_ = false;                  // the current frame is taken piece by piece
  std::string control_;                     // payload of a control frame split over receives
  WsOpcode kind_ = WsOpcode::continuation;  // of the fragmented message; continuation: none
};

/// Source of client mask keys: unpredictable, and cheap because it draws a block at a time (RFC
/// 6455 10.3).
class WsMasks {
 public:
  [[nodiscard]] std::uint32_t next();

 private:
  std::vector<std::uint32_t> keys_;  // empty until the first use: servers never mask
  std::size_t left_ = 0;
};

/// XORs the four bytes of `key`, as they stand in memory, over `bytes`; their own inverse. `phase`
/// is the position of the first byte in its payload.
void apply_mask(std::span<char> bytes, std::uint32_t key, std::uint64_t phase);

/// The header of an unfragmented frame with `length` payload bytes; `mask` only for clients. At
/// most 14 bytes.
struct WsHeaderBytes {
  std::array<char, 14> bytes{};
  std::size_t size = 0;
  [[nodiscard]] std::string_view view() const { return {bytes.data(), size}; }
};
[[nodiscard]] WsHeaderBytes ws_header(WsOpcode opcode, std::uint64_t length,
                                      std::uint32_t const* mask);

/// `reason` cut at a UTF-8 boundary to kCloseReasonMax.
[[nodiscard]] std::string_view cut_close_reason(std::string_view reason);

}  // namespace bridge::net
