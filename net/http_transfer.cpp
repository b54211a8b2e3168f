#include "net/http_transfer.hpp"

#include <fmt/format.h>

#include <array>
#include <variant>

#include "net/tasks.hpp"

namespace bridge::net {
namespace {

/// Knows when something last moved.
class Watched final : public ByteStream {
 public:
  explicit Watched(std::unique_ptr<ByteStream> bytes) : bytes_(std::move(bytes)) {}

  awaitable<Result<std::span<char>>> receive() override {
    auto const got = co_await bytes_->receive();
    moved = Clock::now();
    co_return got;
  }
  awaitable<Result<void>> send(std::span<asio::const_buffer const> pieces) override {
    auto const sent = co_await bytes_->send(pieces);
    moved = Clock::now();
    co_return sent;
  }
  void shutdown_send() noexcept override { bytes_->shutdown_send(); }
  void close() noexcept override { bytes_->close(); }
  bool is_open() const noexcept override { return bytes_->is_open(); }
  std::string peer() const override { return bytes_->peer(); }

  Clock::time_point moved = Clock::now();

 private:
  std::unique_ptr<ByteStream> bytes_;
};

// Ends when nothing moved for so long.
awaitable<Result<void>> watch(Watched const& bytes, Duration silence, std::string doing) {
  for (;;) {
    auto const left = bytes.moved + silence - Clock::now();
    if (left <= Duration::zero()) co_return Error(Errc::timed_out, std::move(doing));
    co_await net::sleep_for(left);
  }
}

/// All of a request, in pieces: as long as they go, something moves.
class Pieces {
 public:
  Pieces(std::string_view head, std::string_view held, BodySource* source)
      : texts_{head, held}, source_(source) {}

  /// Empty at the end.
  Result<std::string_view> next() {
    for (auto& text : texts_) {
      if (text.empty()) continue;
      auto const piece = text.substr(0, kPieceMax);
      text.remove_prefix(piece.size());
      return piece;
    }
    return source_ != nullptr ? source_->next() : Result<std::string_view>(std::string_view());
  }

 private:
  static constexpr std::size_t kPieceMax = 64 * 1024;
  std::array<std::string_view, 2> texts_;
  BodySource* source_;
};

// Sends all there is, and then leaves the last word to the reply, also where the server does not
// want to hear more: whoever hangs up on a body has perhaps said why. Ends only when the source
// fails.
awaitable<Result<void>> send_all(ByteStream& bytes, Pieces pieces) {
  for (bool more = true; more;) {
    auto const piece = pieces.next();
    if (!piece) co_return piece.error();
    asio::const_buffer const buffer = asio::buffer(*piece);
    more = !piece->empty();
    if (more) more = (co_await bytes.send(std::span(&buffer, 1))).has_value();
  }
  asio::steady_timer never(co_await asio::this_coro::executor, Clock::time_point::max());
  co_await never.async_wait(no_throw);
  co_return Result<void>{};
}

awaitable<Result<void>> read_all(ByteStream& bytes, bool is_head, ReplyReceiver& receiver) {
  std::string leftover;
  co_return co_await read_reply_in_pieces(bytes, leftover, is_head, receiver);
}

}  // namespace

awaitable<Result<void>> transfer(Loop& loop, Reach const& reach, Url url, HttpRequest request,
                                 BodySource* body, ReplyReceiver& receiver, Duration silence) {
  auto const doing = fmt::format("{} {}", request.method, url.origin());
  if (!is_well_formed(request))
    co_return Error(Errc::bad_message, doing + " (a header holds a line break)");
  auto connected = co_await connect_to(loop, url, reach);
  if (!connected) co_return connected.error();
  Watched bytes(std::move(*connected));
  request.target = url.target;
  auto const head = format_head(request, url.authority(), body != nullptr ? body->size() : 0);
  Pieces const pieces(head, request.body, body);
  bool const is_head = request.method == "HEAD";
  auto ended = co_await (read_all(bytes, is_head, receiver) || send_all(bytes, pieces) ||
                         watch(bytes, silence, doing));
  co_return std::visit([](auto& result) { return std::move(result); }, ended);
}

}  // namespace bridge::net
