#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "net/byte_stream.hpp"

namespace bridge::test {

/// A stream that hands out canned chunks, then ends.
class Chunks final : public net::SocketStream {
 public:
  explicit Chunks(std::deque<std::string> chunks) : chunks_(std::move(chunks)) {}

  awaitable<Result<std::span<char>>> receive(std::size_t) override {
    if (chunks_.empty()) co_return Error(Errc::end_of_stream, "read");
    now_ = std::move(chunks_.front());
    chunks_.pop_front();
    co_return std::span<char>(now_);
  }
  Result<std::size_t> try_send(std::span<asio::const_buffer const> pieces) override {
    return asio::buffer_size(pieces);
  }
  void when_writable(std::function<void()>) override {}
  void shutdown_send() noexcept override {}
  void close() noexcept override {}
  [[nodiscard]] bool is_open() const noexcept override { return true; }
  [[nodiscard]] std::string peer() const override { return "test"; }

 private:
  awaitable<Result<void>> writable() override { co_return Result<void>{}; }

  std::deque<std::string> chunks_;
  std::string now_;
};

[[nodiscard]] inline std::deque<std::string> cut(std::string_view text, std::size_t size) {
  std::deque<std::string> out;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    out.emplace_back(text.substr(0, size));
  return out;
}

}  // namespace bridge::test
