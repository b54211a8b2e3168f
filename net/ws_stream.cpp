#include "net/ws_stream.hpp"

#include <algorithm>
#include <numeric>

#include "base/scope_exit.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kPiecesPerSend = 16;
constexpr auto kLinger = 2s;  // how long the peer may take to answer our close

}  // namespace

class WsStream::Sink final : public WsDecoder::Sink {
 public:
  Sink(WsStream& stream, WsReceiver& to) : stream_(stream), to_(to) {}

  bool on_message(WsOpcode kind, std::span<char> payload) override {
    if (!stream_.ending_) to_.on_message(kind, payload);
    return !stream_.aborted_;
  }
  bool begin_pieces(WsOpcode kind, std::uint64_t length, std::string_view head) override {
    return !stream_.ending_ && to_.begin_pieces(kind, length, head);
  }
  bool take_piece(std::string_view piece, bool last) override {
    to_.take_piece(piece, last);
    return !stream_.aborted_;
  }
  bool on_ping(std::string_view payload) override {
    if (!stream_.send(std::span(&payload, 1), WsOpcode::pong)) stream_.abort();
    return !stream_.aborted_;
  }
  bool on_pong(std::string_view) override {
    stream_.ponged();
    to_.on_pong();
    return !stream_.aborted_;
  }
  bool on_close(WsClose close) override {
    // Chrome answers every close with 1000; a client echoes the server's code.
    auto const code = stream_.role_ == WsRole::server || close.code == ws_code::no_status
                          ? ws_code::normal
                          : close.code;
    stream_.put_close(code, "");
    stream_.peer_close_ = std::move(close);
    return false;
  }

 private:
  WsStream& stream_;
  WsReceiver& to_;
};

WsStream::WsStream(Loop& loop, std::unique_ptr<SocketStream> bytes, WsRole role, WsLimits limits,
                   std::string early)
    // Commands of many clients that are ready leave for the runtime in one write.
    : Flushable(loop, role == WsRole::server),
      loop_(loop),
      bytes_(std::move(bytes)),
      role_(role),
      limits_(limits),
      decoder_(role, limits.message_max, limits.check_utf8),
      early_(std::move(early)),
      out_(loop.blocks()),
      wake_(loop.executor()) {}

WsStream::~WsStream() = default;

awaitable<Error> WsStream::run(WsReceiver& to) {
  to_ = &to;
  auto const over = scope_exit([this] {
    to_ = nullptr;
    linger_.reset();
    bytes_->close();
  });
  wake_writer();
  reading_ = true;
  Result<void> fed;
  if (!early_.empty()) {
    auto early = std::exchange(early_, {});
    fed = feed(early, to);
  }
  while (fed) {
    // Who is ending reads what is there, to find the peer's end.
    auto const room = ending_ ? std::numeric_limits<std::size_t>::max() : to.room();
    if (room == 0) {
      co_await (to.resumed() || wake_.wait());
      continue;
    }
    auto const got = co_await bytes_->receive(room);
    if (got) {
      fed = feed(*got, to);
    } else {
      fed = got.error();
      abort();  // nobody is there to take what is queued
    }
  }
  if (!end_.code) end_ = fed.error();
  // Closing while the peer's bytes are unread would reset the connection and lose our close frame.
  while (!aborted_) {
    auto const rest = co_await bytes_->receive();
    if (!rest) break;
  }
  reading_ = false;
  while (!aborted_ && !out_.empty()) co_await wake_.wait();
  co_return end_;
}

Result<void> WsStream::feed(std::span<char> bytes, WsReceiver& to) {
  last_received_ = Clock::now();
  received_bytes_ += bytes.size();
  Sink sink(*this, to);
  Loop::Batch const batch(loop_);
  auto const bad = decoder_.feed(bytes, sink);
  to.on_received();
  if (aborted_) return Error(Errc::cancelled, "websocket ended");
  if (bad != 0) {
    put_close(bad, "");
    return Error(bad == ws_code::too_big ? Errc::too_large : Errc::bad_message,
                 "websocket message");
  }
  if (peer_close_.code != 0) return Error(Errc::end_of_stream, "websocket");
  return {};
}

bool WsStream::send(std::span<std::string_view const> pieces, WsOpcode kind) {
  if (closing()) return true;  // the receiver is leaving: nothing is owed to it
  auto const length =
      std::accumulate(pieces.begin(), pieces.end(), std::size_t{0},
                      [](std::size_t sum, std::string_view piece) { return sum + piece.size(); });
  if (queued() > limits_.queue_max) return false;
  put_frame(kind, pieces, length);
  return true;
}

bool WsStream::begin_message(std::uint64_t length) {
  if (closing()) return true;
  if (queued() > limits_.queue_max) return false;
  out_.append(ws_header(WsOpcode::text, length, nullptr).view());
  open_ = length;
  return true;
}

void WsStream::put_piece(std::string_view piece) {
  if (ending_ || open_ == 0) return;
  out_.append(piece);
  passed(piece.size());
  wake_writer();
}

void WsStream::pad() {
  pad_ = open_;
  wake_writer();
}

// So much less of the message in pieces is to come.
void WsStream::passed(std::size_t bytes) {
  open_ -= bytes;
  if (open_ > 0) return;
  pieces_ended_ = Clock::now();
  out_.append(behind_);
  behind_.clear();
  if (ends_behind_) end();
}

void WsStream::ping() {
  if (closing()) return;
  if (pinged_ == Clock::time_point()) pinged_ = Clock::now();
  put_frame(WsOpcode::ping, {}, 0);
}

void WsStream::ponged() {
  auto const pinged = std::exchange(pinged_, {});
  if (pinged == Clock::time_point()) return;
  auto const took = Clock::now() - pinged;
  round_trip_ = round_trip_ == Duration() ? took : std::min(round_trip_, took);
}

void WsStream::put_frame(WsOpcode kind, std::span<std::string_view const> pieces,
                         std::size_t length) {
  if (open_ > 0) {
    behind_ += ws_header(kind, length, nullptr).view();
    for (auto const piece : pieces) behind_ += piece;
    return;
  }
  bool const masked = role_ == WsRole::client;
  std::uint32_t const mask = masked ? masks_.next() : 0;
  auto const header = ws_header(kind, length, masked ? &mask : nullptr);
  if (auto const room = out_.claim(header.size + length); !room.empty()) {
    auto* at = std::copy_n(header.bytes.data(), header.size, room.data());
    for (auto const piece : pieces) at = std::copy_n(piece.data(), piece.size(), at);
    if (masked) apply_mask(room.subspan(header.size), mask, 0);
  } else if (masked) {
    out_.append(header.view());
    unsigned phase = 0;
    for (auto const piece : pieces) phase = out_.append_masked(piece, mask, phase);
  } else {
    out_.append(header.view());
    for (auto const piece : pieces) out_.append(piece);
  }
  wake_writer();
}

void WsStream::put_close(std::uint16_t code, std::string_view reason) {
  if (closing()) return;
  char const bytes[2] = {static_cast<char>(code >> 8), static_cast<char>(code)};
  std::string_view const pieces[2] = {{bytes, 2}, cut_close_reason(reason)};
  put_frame(WsOpcode::close, pieces, 2 + pieces[1].size());
  finish();
}

void WsStream::close(std::uint16_t code, std::string_view reason) {
  put_close(code, reason);
}

void WsStream::finish() {
  if (open_ > 0) {
    ends_behind_ = true;
  } else {
    end();
  }
}

void WsStream::abort() noexcept {
  aborted_ = true;
  bytes_->close();
  end();
}

void WsStream::end() noexcept {
  ending_ = true;
  wake_writer();
  wake_.notify();
}

void WsStream::wake_writer() {
  if (to_ != nullptr && !blocked_) flush_soon();
}

void WsStream::flush() {
  std::array<asio::const_buffer, kPiecesPerSend> pieces;
  while (!aborted_) {
    if (out_.empty() && pad_ > 0) {
      static std::string const kSpaces(64 * 1024, ' ');
      auto const more = std::min<std::uint64_t>(pad_, kSpaces.size());
      out_.append(std::string_view(kSpaces).substr(0, more));
      pad_ -= more;
      passed(more);
    }
    if (out_.empty()) break;
    auto const count = out_.peek(pieces);
    auto const sent = bytes_->try_send(std::span(pieces).first(count));
    if (!sent) {
      if (!end_.code) end_ = sent.error();
      return abort();
    }
    if (*sent == 0) {
      blocked_ = true;
      return bytes_->when_writable([this] {
        blocked_ = false;
        flush();
      });
    }
    sent_bytes_ += *sent;
    out_.consume(*sent);
    if (out_.empty() && to_ != nullptr) to_->on_drained();
  }
  if (aborted_) out_.clear();
  if (ending_ && !aborted_ && linger_ == nullptr) linger();
  if (!reading_) wake_.notify();
}

// The peer has some time to take our end.
void WsStream::linger() {
  bytes_->shutdown_send();
  if (!reading_) return;
  linger_ = std::make_shared<asio::steady_timer>(loop_.executor(), kLinger);
  linger_->async_wait([this, alive = std::weak_ptr(linger_)](error_code gone) {
    if (!gone && alive.lock()) bytes_->close();
  });
}

}  // namespace bridge::net
