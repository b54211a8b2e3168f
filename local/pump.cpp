#include "local/pump.hpp"

#include <array>
#include <string>

namespace bridge::local {
namespace {

constexpr auto kLinger = 5s;

awaitable<void> pump_each(net::ByteStream& one, net::ByteStream& other,
                          std::function<void()> const& ended, FrameCounter* cut,
                          std::function<void()> const* heard) {
  co_await (pump(one, other, ended, nullptr, heard) && pump(other, one, ended, cut));
}

}  // namespace

awaitable<Result<void>> send_text(net::ByteStream& to, std::string_view text) {
  if (text.empty()) co_return Result<void>{};
  std::array<asio::const_buffer, 1> const pieces{asio::buffer(text)};
  co_return co_await to.send(pieces);
}

awaitable<void> pump(net::ByteStream& from, net::ByteStream& to, std::function<void()> const& ended,
                     FrameCounter* cut, std::function<void()> const* heard) {
  std::string chunk;
  for (;;) {
    auto const bytes = co_await from.receive();
    if (!bytes) {
      ended();
      if (bytes.error().is(Errc::end_of_stream))
        to.shutdown_send();
      else
        to.close();
      co_return;
    }
    if (heard != nullptr) (*heard)();
    // The received bytes last until we suspend, and sending may.
    chunk.assign(bytes->data(), bytes->size());
    if (cut != nullptr) chunk.resize(cut->take(chunk));
    auto const sent = co_await send_text(to, chunk);
    if (cut != nullptr && cut->done()) {
      // An end, not a reset, which would take from the receiver what it has not read yet.
      to.shutdown_send();
      ended();
      co_return;
    }
    if (!sent) {
      ended();
      from.close();
      co_return;
    }
  }
}

awaitable<void> pump_both(net::ByteStream& one, net::ByteStream& other,
                          std::function<void()> const& ended, FrameCounter* cut,
                          std::function<void()> const* heard) {
  net::Signal first_end(co_await asio::this_coro::executor);
  std::function<void()> const either = [&] {
    ended();
    first_end.notify();
  };
  co_await (pump_each(one, other, either, cut, heard) || linger(first_end));
}

awaitable<void> linger(net::Signal& first_end) {
  co_await first_end.wait();
  co_await net::sleep_for(kLinger);
}

}  // namespace bridge::local
