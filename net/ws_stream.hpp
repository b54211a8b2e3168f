#pragma once

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "net/byte_stream.hpp"
#include "net/loop.hpp"
#include "net/tasks.hpp"
#include "net/ws_codec.hpp"

namespace bridge::net {

struct WsLimits {
  std::size_t message_max = 64ULL << 20;  ///< larger incoming messages end the stream with 1009
  std::size_t queue_max = 64ULL << 20;    ///< send() refuses while more bytes than this wait
  bool check_utf8 = true;  ///< off only for a trusted upstream: Chrome sends valid text
};

/// Who takes what arrives. on_message() is called synchronously, for every message of one receive;
/// the bytes last for the call only.
class WsReceiver {
 public:
  virtual ~WsReceiver() = default;
  virtual void on_message(WsOpcode kind, std::span<char> payload) = 0;
  /// See WsDecoder::Sink.
  [[nodiscard]] virtual bool begin_pieces(WsOpcode /*kind*/, std::uint64_t /*length*/,
                                          std::string_view /*head*/) {
    return false;
  }
  virtual void take_piece(std::string_view /*piece*/, bool /*last*/) {}
  /// The peer proved that it is alive.
  virtual void on_pong() {}
  /// All messages of one receive have been handed over.
  virtual void on_received() {}
  /// Back-pressure: no more bytes than this are read at once. While it is 0 nothing is; resumed()
  /// is awaited instead.
  [[nodiscard]] virtual std::size_t room() const { return std::numeric_limits<std::size_t>::max(); }
  virtual awaitable<void> resumed() { co_return; }
  /// Everything queued on this stream has been handed to its socket.
  virtual void on_drained() {}
};

/// A WebSocket in its data phase (RFC 6455): our framing over a ByteStream, in batches. Pings are
/// answered here.
///
/// One coroutine awaits run(); send() and close() may be called from anywhere on the Loop. What is
/// sent while other work is ready leaves in one write.
class WsStream final : private Flushable {
 public:
  /// `early` is what arrived behind the handshake.
  WsStream(Loop& loop, std::unique_ptr<SocketStream> bytes, WsRole role, WsLimits limits,
           std::string early = {});
  ~WsStream();
  WsStream(WsStream const&) = delete;
  WsStream& operator=(WsStream const&) = delete;

  /// Reads and writes until the stream is over, then says how it ended: Errc::end_of_stream for a
  /// close frame or a plain end, an error of ours (bad_message, too_large) or of the socket. Call
  /// once.
  awaitable<Error> run(WsReceiver& to);

  /// Queues one message made of `pieces`, however long. False while what waits already is over the
  /// limit; nothing is queued then.
  [[nodiscard]] bool send(std::span<std::string_view const> pieces, WsOpcode kind = WsOpcode::text);
  [[nodiscard]] bool send(std::string_view text) { return send(std::span(&text, 1)); }
  /// Whether others may have something for this stream in the same turn of the Loop: it is waited
  /// for then, and all leaves in one write. A client's stream does, unless it is told.
  void gather(bool others) { flush_early(!others); }
  /// Begins a text message of which `length` bytes will come by put_piece() and pad(), no more and
  /// no less; false as for send(). What else is sent meanwhile, pings too, follows it. Of servers
  /// only.
  [[nodiscard]] bool begin_message(std::uint64_t length);
  void put_piece(std::string_view piece);
  /// Spaces, to the end of that message. They are made as they are sent and count for no limit.
  void pad();
  /// When the last message in pieces was not complete yet: a peer cannot answer what is behind it.
  [[nodiscard]] Clock::time_point last_in_pieces() const {
    return open_ > 0 ? Clock::now() : pieces_ended_;
  }
  void ping();
  /// The quickest answer to a ping so far; 0: there was none.
  [[nodiscard]] Duration round_trip() const { return round_trip_; }

  /// Polite end: what is queued, then a close frame, then FIN. Nothing can be queued afterwards but
  /// the rest of a message in pieces, which the close frame waits for.
  /// `reason` is cut to the 123 bytes the protocol allows.
  void close(std::uint16_t code, std::string_view reason);
  /// FIN without a close frame, as Chrome does; what is queued goes out first.
  void finish();
  /// Hard end: run() ends with an error.
  void abort() noexcept;

  [[nodiscard]] std::size_t queued() const { return out_.bytes() + behind_.size(); }
  [[nodiscard]] bool closing() const { return ending_ || ends_behind_; }
  /// What the peer's close frame said; code 0 when there was none.
  [[nodiscard]] WsClose const& peer_close() const { return peer_close_; }
  [[nodiscard]] std::string peer() const { return bytes_->peer(); }
  [[nodiscard]] Clock::time_point last_received() const { return last_received_; }
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  class Sink;

  void flush() override;
  void wake_writer();
  void passed(std::size_t bytes);
  void ponged();
  void linger();
  Result<void> feed(std::span<char> bytes, WsReceiver& to);
  void put_frame(WsOpcode kind, std::span<std::string_view const> pieces, std::size_t length);
  void put_close(std::uint16_t code, std::string_view reason);
  void end() noexcept;

  Loop& loop_;
  std::unique_ptr<SocketStream> bytes_;
  WsReceiver* to_ = nullptr;  // while run() does
  WsRole role_;
  WsLimits limits_;
  WsDecoder decoder_;
  WsMasks masks_;
  std::string early_;
  BlockQueue out_;
  std::uint64_t open_ = 0;    // bytes to come of the message that is put in pieces
  std::uint64_t pad_ = 0;     // of these, those that are spaces
  std::string behind_;        // frames that wait for its end
  bool ends_behind_ = false;  // and then there are no more
  Clock::time_point pieces_ended_{};
  Clock::time_point pinged_{};  // the first ping without an answer
  Duration round_trip_{};
  Signal wake_;  // for run(): a paused reader is not to wait any longer, or all is written
  WsClose peer_close_;
  Clock::time_point last_received_ = Clock::now();
  std::uint64_t received_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  Error end_;
  bool ending_ = false;  // nothing may be queued any more; what is queued still goes out
  bool aborted_ = false;
  bool reading_ = false;
  bool blocked_ = false;  // the socket takes no more, and will say when it does
  std::shared_ptr<asio::steady_timer> linger_;
};

}  // namespace bridge::net
