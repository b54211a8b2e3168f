#include "net/dial.hpp"

#include <fmt/format.h>

#include "net/http_reply_reader.hpp"
#include "net/ws_handshake.hpp"

namespace bridge::net {
namespace {

constexpr std::size_t kRefusalMax = 64 * 1024;

struct Opened {
  std::unique_ptr<SocketStream> bytes;
  std::string early;
  HttpReply reply;
};

awaitable<Result<std::unique_ptr<Opened>>> open(Loop& loop, Url url, Reach const& reach) {
  auto const doing = fmt::format("dial {}", url.origin());
  auto connected = co_await connect_to(loop, url, reach);
  if (!connected) co_return connected.error();
  auto opened = std::make_unique<Opened>();
  opened->bytes = std::move(*connected);

  auto const key = ws_new_key();
  auto const head = format_head(ws_request(url.target, key), url.authority());
  asio::const_buffer const piece = asio::buffer(head);
  auto const sent = co_await opened->bytes->send(std::span(&piece, 1));
  if (!sent) co_return Error(sent.error().code, doing);
  auto reply = co_await read_reply(*opened->bytes, opened->early, false, kRefusalMax);
  if (!reply) co_return Error(reply.error().code, doing);
  opened->reply = std::move(reply->reply);
  if (opened->reply.status == 101) {
    auto const wrong = ws_check_reply(opened->reply, key);
    if (!wrong.empty()) co_return Error(Errc::bad_message, fmt::format("{} ({})", doing, wrong));
  }
  co_return std::move(opened);
}

}  // namespace

awaitable<RawDialResult> dial_ws_raw(Loop& loop, Url url, Reach const& reach, Duration limit,
                                     std::string& early) {
  auto const doing = fmt::format("dial {}", url.origin());
  auto opened = co_await within(limit, open(loop, std::move(url), reach), doing);
  if (!opened) co_return RawDialResult(opened.error());
  auto& reply = (*opened)->reply;
  if (reply.status != 101) {
    UpgradeRefused refused;
    refused.status = reply.status;
    refused.headers = std::move(reply.headers);
    refused.body = std::move(reply.body);
    co_return RawDialResult(std::move(refused));
  }
  early = std::move((*opened)->early);
  co_return RawDialResult(std::move((*opened)->bytes));
}

awaitable<DialResult> dial_ws(Loop& loop, Url url, Reach const& reach, WsLimits limits,
                              Duration limit) {
  std::string early;
  auto raw = co_await dial_ws_raw(loop, std::move(url), reach, limit, early);
  if (auto* error = std::get_if<Error>(&raw)) co_return DialResult(std::move(*error));
  if (auto* refused = std::get_if<UpgradeRefused>(&raw)) co_return DialResult(std::move(*refused));
  auto& bytes = std::get<std::unique_ptr<SocketStream>>(raw);
  co_return DialResult(
      std::make_unique<WsStream>(loop, std::move(bytes), WsRole::client, limits, std::move(early)));
}

}  // namespace bridge::net
