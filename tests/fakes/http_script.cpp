#include "tests/fakes/http_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>

#include "net/http_message.hpp"

namespace bridge::test {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::size_t body_size(std::string_view head) {
  constexpr std::string_view kName = "content-length:";
  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto const at = lower.find(kName);
  return at == std::string::npos ? 0 : std::stoul(lower.substr(at + kName.size()));
}

/// Reads until `wanted` bytes are there, or the head's end when `wanted` is 0. False at the end of
/// the stream.
awaitable<bool> fill(Tcp::socket& socket, std::string& buffer, std::size_t wanted) {
  std::array<char, 4096> chunk{};
  while (wanted == 0 ? buffer.find(kHeadEnd) == std::string::npos : buffer.size() < wanted) {
    auto const [ec, n] = co_await socket.async_read_some(asio::buffer(chunk), no_throw);
    if (ec) co_return false;
    buffer.append(chunk.data(), n);
  }
  co_return true;
}

}  // namespace

HttpScript::HttpScript(net::Loop& loop)
    : acceptor_(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()),
      tasks_(loop.executor()) {
  tasks_.spawn("accept", accept_loop());
}

HttpScript& HttpScript::raw(std::string bytes) {
  steps_.push_back({std::move(bytes), After::stay});
  return *this;
}

HttpScript& HttpScript::json(unsigned status, std::string_view body, std::string_view headers) {
  return raw(
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: application/json\r\n{}"
                  "Content-Length: {}\r\n\r\n{}",
                  status, net::http_reason(status), headers, body.size(), body));
}

HttpScript& HttpScript::raw_then_close(std::string bytes) {
  steps_.push_back({std::move(bytes), After::close});
  return *this;
}

HttpScript& HttpScript::hang() {
  steps_.push_back({{}, After::hang});
  return *this;
}

awaitable<void> HttpScript::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

std::string HttpScript::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

HttpScript::Step HttpScript::next_step() {
  if (steps_.empty())
    return {"HTTP/1.1 599 Script Over\r\nContent-Length: 0\r\n\r\n", After::close};
  auto step = std::move(steps_.front());
  steps_.pop_front();
  return step;
}

awaitable<void> HttpScript::accept_loop() {
  for (;;) {
    auto [ec, socket] = co_await acceptor_.async_accept(no_throw);
    if (ec) co_return;
    tasks_.spawn("serve", serve(std::move(socket), ++connections_));
  }
}

awaitable<void> HttpScript::serve(Tcp::socket socket, std::size_t number) {
  std::string buffer;
  for (;;) {
    auto const head_read = co_await fill(socket, buffer, 0);
    if (!head_read) co_return;
    Seen seen;
    seen.connection = number;
    seen.head = buffer.substr(0, buffer.find(kHeadEnd) + kHeadEnd.size());
    auto const whole = seen.head.size() + body_size(seen.head);
    auto const body_read = co_await fill(socket, buffer, whole);
    if (!body_read) co_return;
    seen.body = buffer.substr(seen.head.size(), whole - seen.head.size());
    buffer.erase(0, whole);
    seen_.push_back(std::move(seen));

    auto const step = next_step();
    auto const [ec, n] = co_await asio::async_write(socket, asio::buffer(step.bytes), no_throw);
    if (ec || step.after == After::close) co_return;
    if (step.after == After::hang) co_await fill(socket, buffer, std::string::npos);
  }
}

}  // namespace bridge::test
