#include "net/http_exchange.hpp"

#include <fmt/format.h>

#include <array>

#include "base/number.hpp"
#include "net/ws_handshake.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kPieceMax = 256 * 1024;  // as long as they go, the peer takes something

// Status line and headers, nothing added: how the body ends is said among them.
std::string open_head(unsigned status, HttpHeaders const& headers) {
  auto out = fmt::format("HTTP/1.1 {} {}\r\n", status, http_reason(status));
  for (auto const& [name, value] : headers) out += fmt::format("{}: {}\r\n", name, value);
  return out + "\r\n";
}

}  // namespace

awaitable<Result<void>> send_reply(ByteStream& bytes, HttpReply const& reply, bool with_body,
                                   Duration limit) {
  auto const head = format_head(reply);
  std::string_view rest = with_body ? std::string_view(reply.body) : std::string_view();
  for (std::string_view before = head; !before.empty() || !rest.empty(); before = {}) {
    std::array<asio::const_buffer, 2> const pieces{asio::buffer(before),
                                                   asio::buffer(rest.substr(0, kPieceMax))};
    rest.remove_prefix(pieces[1].size());
    auto const sent = co_await within(limit, bytes.send(pieces), "write a reply");
    if (sent) continue;
    bytes.close();
    co_return sent;
  }
  co_return Result<void>{};
}

HttpExchange::HttpExchange(Loop& loop, std::unique_ptr<SocketStream>& bytes,
                           HttpRequestReader& reader, HttpRequest request,
                           std::string local_authority, ExchangeLimits limits)
    : loop_(loop),
      bytes_(bytes),
      reader_(reader),
      request_(std::move(request)),
      local_authority_(std::move(local_authority)),
      limits_(limits) {}

std::string HttpExchange::peer() const {
  return bytes_->peer();
}

awaitable<Result<std::optional<std::string>>> HttpExchange::read_piece() {
  co_return co_await within(limits_.piece, reader_.read_piece(), "HTTP request");
}

awaitable<Result<void>> HttpExchange::reply(HttpReply reply) {
  answered_ = true;
  co_return co_await send_reply(*bytes_, reply, request_.method != "HEAD", limits_.write);
}

HttpExchange::Framing HttpExchange::framing_of(unsigned status, HttpHeaders const& headers) const {
  if (request_.method == "HEAD" || status == 204 || status == 304) return Framing::none;
  if (count_header(headers, "content-length") > 0) return Framing::counted;
  return request_.version < 11 ? Framing::until_close : Framing::chunked;
}

awaitable<Result<void>> HttpExchange::begin_stream(unsigned status, HttpHeaders headers,
                                                   std::optional<Duration> write_limit) {
  answered_ = true;
  stream_ = Stream();  // clang does not see that emplace() could make one
  stream_->framing = framing_of(status, headers);
  stream_->write_limit = write_limit.value_or(limits_.write);
  if (stream_->framing == Framing::counted) {
    auto const length = whole_number<std::uint64_t>(find_header(headers, "content-length"));
    if (!length) co_return Error(Errc::bad_message, "the length of a reply");
    stream_->left = *length;
  }
  if (stream_->framing == Framing::chunked) headers.emplace_back("Transfer-Encoding", "chunked");
  if (stream_->framing == Framing::until_close) headers.emplace_back("Connection", "close");
  auto const head = open_head(status, headers);
  co_return co_await put(head, {}, {});
}

awaitable<Result<void>> HttpExchange::write(std::string_view bytes) {
  if (!stream_ || stream_->ended) co_return Error(Errc::bad_message, "write behind a reply's end");
  if (bytes.empty() || stream_->framing == Framing::none) co_return Result<void>{};
  if (stream_->framing == Framing::chunked) {
    auto const size = fmt::format("{:x}\r\n", bytes.size());
    co_return co_await put(size, bytes, "\r\n");
  }
  if (stream_->framing == Framing::counted) {
    if (bytes.size() > stream_->left)
      co_return Error(Errc::too_large, "write behind a reply's length");
    stream_->left -= bytes.size();
  }
  co_return co_await put({}, bytes, {});
}

awaitable<Result<void>> HttpExchange::end() {
  if (!stream_ || stream_->ended) co_return Error(Errc::bad_message, "end behind a reply's end");
  if (stream_->left > 0) co_return Error(Errc::bad_message, "a reply ended short of its length");
  if (stream_->framing == Framing::chunked) {
    auto const sent = co_await put("0\r\n\r\n", {}, {});
    if (!sent) co_return sent;
  }
  stream_->ended = true;
  co_return Result<void>{};
}

// A write that failed or was cancelled may have left a part: nothing sensible can follow it.
awaitable<Result<void>> HttpExchange::put(std::string_view before, std::string_view bytes,
                                          std::string_view after) {
  std::array<asio::const_buffer, 3> const pieces{asio::buffer(before), asio::buffer(bytes),
                                                 asio::buffer(after)};
  auto const sent = co_await within(stream_->write_limit, bytes_->send(pieces), "write a reply");
  if (!sent) cut();
  co_return sent;
}

// A length or chunks say what is missing. Without them an orderly end would be the reply's; a reset
// is not, but it takes what the peer has not received yet along.
void HttpExchange::cut() {
  if (ends_connection())
    bytes_->reset();
  else
    bytes_->close();
}

awaitable<Result<void>> HttpExchange::upgrade() {
  auto answer = ws_answer(request_);
  answered_ = true;
  auto const sent = co_await send_reply(*bytes_, answer, true, limits_.write);
  if (!sent) co_return sent.error();
  if (answer.status != 101) co_return Error(Errc::bad_message, "websocket handshake");
  handed_over_ = true;
  co_return Result<void>{};
}

awaitable<Result<std::unique_ptr<WsStream>>> HttpExchange::accept_websocket(WsLimits limits) {
  auto const upgraded = co_await upgrade();
  if (!upgraded) co_return upgraded.error();
  co_return std::make_unique<WsStream>(loop_, std::move(bytes_), WsRole::server, limits,
                                       std::move(reader_.leftover()));
}

awaitable<Result<std::unique_ptr<ByteStream>>> HttpExchange::accept_raw(std::string& early) {
  auto const upgraded = co_await upgrade();
  if (!upgraded) co_return upgraded.error();
  early = std::move(reader_.leftover());
  co_return std::move(bytes_);
}

awaitable<void> HttpExchange::gone() {
  constexpr std::size_t kEarlyMax = 1 << 20;
  auto& early = reader_.leftover();
  while (early.size() < kEarlyMax) {
    auto const got = co_await bytes_->receive();
    if (!got) co_return;
    early.append(got->data(), got->size());
  }
  bytes_->close();  // it talks without waiting for an answer
}

}  // namespace bridge::net
