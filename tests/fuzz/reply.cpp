#include <string>

#include "net/http_reply_reader.hpp"
#include "net/ws_handshake.hpp"
#include "tests/fakes/chunks.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fuzz/checks.hpp"

namespace bridge::fuzz {
namespace {

constexpr std::size_t kBodyMax = 500;
constexpr std::string_view kKey = "AQIDBAUGBwgJCgsMDQ4PEA==";

awaitable<void> read_one(std::deque<std::string> pieces, bool head, std::string& out) {
  test::Chunks bytes(std::move(pieces));
  std::string leftover;
  auto const read = co_await net::read_reply(bytes, leftover, head, kBodyMax);
  if (!read) {
    out = "no reply";  // which of several mistakes is seen first depends on the cuts
    co_return;
  }
  auto const& reply = read->reply;
  require(reply.body.size() <= kBodyMax, "the limit of a body");
  if (net::ws_check_reply(reply, kKey).empty()) {
    require(reply.status == 101, "a granted handshake is a 101");
    require(reply.header("Sec-WebSocket-Accept") == net::ws_accept_for(kKey), "our key's answer");
  }
  out = std::to_string(reply.status);
  for (auto const& [name, value] : reply.headers) out += '\n' + name + ": " + value;
  out += '\n' + reply.body;
}

std::string reply_in(std::string_view bytes, bool head, std::size_t piece) {
  net::Loop loop;
  std::string out;
  test::run(loop, read_one(test::cut(bytes, piece), head, out));
  return out;
}

}  // namespace

void check_reply(std::string_view bytes) {
  Bytes in(bytes);
  unsigned const flags = in.byte();
  bool const head = (flags & 128U) != 0;
  auto const rest = in.rest();
  auto const whole = reply_in(rest, head, rest.size() + 1);
  require(reply_in(rest, head, 1U + flags % 128U) == whole, "a cut changes nothing");
}

}  // namespace bridge::fuzz
