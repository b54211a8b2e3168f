#include "net/ws_stream.hpp"

#include <numeric>

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
    if (!stream_.ending_ && !stream_.send(std::span(&payload, 1), WsOpcode::pong)) stream_.abort();
    return !stream_.aborted_;
  }
  bool on_pong(std::string_view) override {
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

WsStream::WsStream(Loop& loop, std::unique_ptr<ByteStream> bytes, WsRole role, WsLimits limits,
                   std::string early)
    : bytes_(std::move(bytes)),
      role_(role),
      limits_(limits),
      decoder_(role, limits.message_max, limits.check_utf8),
      early_(std::move(early)),
      out_(loop.blocks()),
      more_(loop.executor()),
      ending_signal_(loop.executor()) {}

WsStream::~WsStream() = default;

awaitable<Error> WsStream::run(WsReceiver& to) {
  co_await (read_loop(to) && write_loop(to));
  bytes_->close();
  co_return end_;
}

awaitable<void> WsStream::read_loop(WsReceiver& to) {
  reading_ = true;
  Result<void> fed;
  if (!early_.empty()) {
    auto early = std::exchange(early_, {});
    fed = feed(early, to);
  }
  while (fed) {
    if (to.paused() && !ending_) {
      co_await (to.resumed() || ending_signal_.wait());
      continue;
    }
    auto got = co_await bytes_->receive();
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
  more_.notify();
}

Result<void> WsStream::feed(std::span<char> bytes, WsReceiver& to) {
  last_received_ = Clock::now();
  received_bytes_ += bytes.size();
  Sink sink(*this, to);
  auto const bad = decoder_.feed(bytes, sink);
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
  if (ending_) return true;  // the receiver is leaving: nothing is owed to it
  auto const length =
      std::accumulate(pieces.begin(), pieces.end(), std::size_t{0},
                      [](std::size_t sum, std::string_view piece) { return sum + piece.size(); });
  if (queued() > limits_.queue_max) return false;
  put_frame(kind, pieces, length);
  return true;
}

bool WsStream::begin_message(std::uint64_t length) {
  if (ending_) return true;
  if (queued() > limits_.queue_max) return false;
  out_.append(ws_header(WsOpcode::text, length, nullptr).view());
  open_ = length;
  return true;
}

void WsStream::put_piece(std::string_view piece) {
  if (ending_) return;
  out_.append(piece);
  open_ -= piece.size();
  if (open_ == 0) {
    out_.append(behind_);
    behind_.clear();
  }
  more_.notify();
}

void WsStream::ping() {
  if (!ending_) put_frame(WsOpcode::ping, {}, 0);
}

void WsStream::put_frame(WsOpcode kind, std::span<std::string_view const> pieces,
                         std::size_t length) {
  if (open_ > 0) {
    behind_ += ws_header(kind, length, nullptr).view();
    for (auto const piece : pieces) behind_ += piece;
    return;
  }
  if (role_ == WsRole::client) {
    auto const mask = masks_.next();
    out_.append(ws_header(kind, length, &mask).view());
    unsigned phase = 0;
    for (auto const piece : pieces) phase = out_.append_masked(piece, mask, phase);
  } else {
    out_.append(ws_header(kind, length, nullptr).view());
    for (auto const piece : pieces) out_.append(piece);
  }
  more_.notify();
}

void WsStream::put_close(std::uint16_t code, std::string_view reason) {
  if (ending_) return;
  if (open_ > 0) return end();
  char const bytes[2] = {static_cast<char>(code >> 8), static_cast<char>(code)};
  std::string_view const pieces[2] = {{bytes, 2}, cut_close_reason(reason)};
  put_frame(WsOpcode::close, pieces, 2 + pieces[1].size());
  end();
}

void WsStream::close(std::uint16_t code, std::string_view reason) {
  put_close(code, reason);
}

void WsStream::finish() {
  end();
}

void WsStream::abort() noexcept {
  aborted_ = true;
  bytes_->close();
  end();
}

void WsStream::end() noexcept {
  ending_ = true;
  more_.notify();
  ending_signal_.notify();
}

awaitable<void> WsStream::write_loop(WsReceiver& to) {
  std::array<asio::const_buffer, kPiecesPerSend> pieces;
  while (!aborted_) {
    if (out_.empty()) {
      if (ending_) break;
      co_await more_.wait();
      continue;
    }
    auto const count = out_.peek(pieces);
    auto const batch = std::span<asio::const_buffer const>(pieces.data(), count);
    auto const bytes = asio::buffer_size(batch);
    auto const sent = co_await bytes_->send(batch);
    if (!sent) {
      if (!end_.code) end_ = sent.error();
      abort();
      break;
    }
    sent_bytes_ += bytes;
    out_.consume(bytes);
    if (out_.empty()) to.on_drained();
  }
  out_.clear();
  if (aborted_) co_return;
  bytes_->shutdown_send();
  co_await wait_for_reader();
  bytes_->close();
}

awaitable<void> WsStream::wait_for_reader() {
  asio::steady_timer timer(co_await asio::this_coro::executor, kLinger);
  while (reading_) {
    auto const first = co_await (more_.wait() || timer.async_wait(no_throw));
    if (first.index() == 1) break;
  }
}

}  // namespace bridge::net
