#include "net/http_reply_reader.hpp"

#include <fmt/format.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

namespace bridge::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t kHeadMax = 64 * 1024;
constexpr std::size_t kInterimMax = 16;  // a server may send 103 a few times, not for ever

void prepare(std::optional<Parser>& parser, bool is_head_request, std::size_t body_max) {
  parser.emplace();
  parser->header_limit(kHeadMax);
  parser->body_limit(body_max);
  parser->eager(true);
  parser->skip(is_head_request);
}

Error parse_error(error_code ec) {
  if (ec == http::error::header_limit) return {Errc::too_large, "the reply's header"};
  if (ec == http::error::body_limit) return {Errc::too_large, "the reply's body"};
  if (ec == http::error::partial_message || ec == http::error::end_of_stream)
    return {Errc::bad_message, "the reply was cut short"};
  return {Errc::bad_message, fmt::format("reply ({})", ec.message())};
}

// Feeds what is there. True when the message is complete; the parser takes no byte behind it.
Result<bool> feed(Parser& parser, std::string& leftover) {
  while (!leftover.empty() && !parser.is_done()) {
    error_code ec;
    auto const taken = parser.put(asio::buffer(leftover), ec);
    leftover.erase(0, taken);
    if (ec == http::error::need_more) break;
    if (ec) return parse_error(ec);
    if (taken == 0) break;
  }
  return parser.is_done();
}

HttpReply to_reply(Parser& parser) {
  auto message = parser.release();
  HttpReply reply;
  reply.status = message.result_int();
  for (auto const& field : message)
    reply.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  reply.body = std::move(message.body());
  return reply;
}

bool is_interim(Parser const& parser) {
  auto const status = parser.get().result_int();
  return status >= 100 && status < 200 && status != 101;
}

}  // namespace

awaitable<Result<ReplyHead>> read_reply(ByteStream& bytes, std::string& leftover,
                                        bool is_head_request, std::size_t body_max) {
  std::optional<Parser> parser;
  prepare(parser, is_head_request, body_max);
  bool begun = !leftover.empty();
  std::size_t interim = 0;
  for (;;) {
    auto const done = feed(*parser, leftover);
    if (!done) co_return done.error();
    if (*done && is_interim(*parser)) {
      if (++interim > kInterimMax) co_return Error(Errc::bad_message, "too many interim replies");
      prepare(parser, is_head_request, body_max);
      continue;
    }
    if (*done) break;

    // Beast 1.81 limits neither the line before a chunk nor what stands behind the last.
    if (leftover.size() > kHeadMax) co_return parse_error(http::error::header_limit);
    auto const chunk = co_await bytes.receive();
    if (chunk) {
      begun = true;
      leftover.append(chunk->data(), chunk->size());
    } else if (begun && chunk.error().is(Errc::end_of_stream)) {
      error_code ec;
      parser->put_eof(ec);
      if (ec) co_return parse_error(ec);
      break;
    } else {
      co_return chunk.error();
    }
  }
  ReplyHead head;
  head.keep_alive = parser->keep_alive() && leftover.empty();
  head.reply = to_reply(*parser);
  co_return std::move(head);
}

}  // namespace bridge::net
