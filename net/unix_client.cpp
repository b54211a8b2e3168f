#include "net/unix_client.hpp"

#include <array>
#include <boost/asio/local/stream_protocol.hpp>

#include "net/http_reply_reader.hpp"
#include "net/plain_stream.hpp"
#include "net/tasks.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kReplyMax = 16ULL << 20;

awaitable<Result<HttpReply>> exchange(Loop& loop, std::string path, HttpRequest request) {
  auto const doing = "connect to " + path;
  asio::local::stream_protocol::socket socket(loop.executor());
  asio::local::stream_protocol::endpoint const end(path);
  auto const [ec] = co_await socket.async_connect(end, no_throw);
  if (ec == asio::error::basic_errors::connection_refused) co_return Error(ec, doing);
  if (ec) co_return Error(ec.value() == ENOENT ? make_error_code(Errc::not_found) : ec, doing);
  auto bytes = make_plain_stream(loop, std::move(socket), path);
  auto const head = format_head(request, "localhost");
  std::array<asio::const_buffer, 2> const pieces{asio::buffer(head), asio::buffer(request.body)};
  auto const sent = co_await bytes->send(pieces);
  if (!sent) co_return sent.error();
  std::string leftover;
  auto reply = co_await read_reply(*bytes, leftover, false, kReplyMax);
  if (!reply) co_return reply.error();
  co_return std::move(reply->reply);
}

}  // namespace

awaitable<Result<HttpReply>> request_unix(Loop& loop, std::string path, HttpRequest request,
                                          Duration limit) {
  auto const doing = "ask " + path;
  co_return co_await within(limit, exchange(loop, path, std::move(request)), doing);
}

}  // namespace bridge::net
