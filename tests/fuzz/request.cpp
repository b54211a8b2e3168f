#include <optional>
#include <string>
#include <vector>

#include "net/authority.hpp"
#include "net/http_request_reader.hpp"
#include "net/ws_handshake.hpp"
#include "tests/fakes/chunks.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fuzz/checks.hpp"

namespace bridge::fuzz {
namespace {

constexpr std::size_t kHeaderMax = 2000;
constexpr std::size_t kBodyMax = 500;

void check_handshake(net::HttpRequest const& request) {
  (void)net::is_local_authority(request.header("Host"));
  if (!request.wants_websocket()) return;
  auto const reply = net::ws_answer(request);
  require((reply.status == 101) == !net::ws_refusal(request), "refused or not");
  if (reply.status != 101) return;
  require(request.method == "GET" && request.version == 11, "GET of HTTP/1.1");
  require(request.header("Sec-WebSocket-Version") == "13", "version 13");
  require(!request.header("Sec-WebSocket-Key").empty(), "a key");
  require(!reply.header("Sec-WebSocket-Accept").empty(), "an answer to the key");
  require(reply.header("Sec-WebSocket-Extensions").empty(), "no extension");
}

awaitable<std::optional<Error>> read_rest(net::HttpRequestReader& reader, std::string& body) {
  while (reader.body_left()) {
    auto const piece = co_await reader.read_piece();
    if (!piece) co_return piece.error();
    if (!*piece) break;
    body += **piece;
  }
  co_return std::nullopt;
}

awaitable<void> read_all(std::deque<std::string> pieces, std::vector<std::string>& out) {
  test::Chunks bytes(std::move(pieces));
  net::HttpRequestReader reader(bytes, kHeaderMax, kBodyMax);
  // As a server does: the body of an upload, say, is taken in pieces by whoever answers.
  net::HttpRequestReader::Plan const plan = [](net::HttpRequest const& head) {
    net::BodyPlan wanted;
    wanted.in_pieces = head.target.size() % 2 == 0;
    if (wanted.in_pieces) wanted.most = kBodyMax / 2;
    return wanted;
  };
  for (;;) {
    auto const begun = co_await reader.wait_for_first_byte();
    if (!begun) {
      out.emplace_back("end");
      co_return;
    }
    auto request = co_await reader.read(plan);
    std::optional<Error> failed;
    if (request)
      failed = co_await read_rest(reader, request->body);
    else
      failed = request.error();
    if (failed) {
      bool const bad = failed->is(Errc::bad_message);
      out.push_back(bad ? "bad " + std::to_string(reader.why().status) : "cut short");
      co_return;
    }
    check_handshake(*request);
    require(request->body.size() <= kBodyMax, "the limit of a body");
    std::size_t size = 0;
    std::string line = request->method + ' ' + request->target;
    for (auto const& [name, value] : request->headers) {
      line += '\n' + name + ": " + value;
      size += name.size() + value.size();
    }
    require(size <= 2 * kHeaderMax, "the limit of a header");
    out.push_back(line + '\n' + request->body + (reader.last() ? " last" : ""));
  }
}

// What of several mistakes is seen first, or that the end is missing, depends on the cuts; that it
// is refused does not.
std::vector<std::string> requests(std::string_view bytes, std::size_t piece) {
  net::Loop loop;
  std::vector<std::string> out;
  test::run(loop, read_all(test::cut(bytes, piece), out));
  if (out.back().starts_with("bad ")) out.back() = "cut short";
  return out;
}

}  // namespace

void check_request(std::string_view bytes) {
  Bytes in(bytes);
  std::size_t const piece = 1U + in.byte();
  auto const rest = in.rest();
  auto const whole = requests(rest, rest.size() + 1);
  require(requests(rest, piece) == whole, "a cut changes nothing");
}

}  // namespace bridge::fuzz
