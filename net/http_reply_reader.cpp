#include "net/http_reply_reader.hpp"

#include <fmt/format.h>

#include <boost/beast/http/parser.hpp>
#include <optional>

#include "net/piece_body.hpp"

namespace bridge::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<PieceBody>;

constexpr std::uint32_t kHeadMax = 64 * 1024;
constexpr std::size_t kInterimMax = 16;  // a server may send 103 a few times, not for ever

void prepare(std::optional<Parser>& parser, bool is_head_request,
             boost::optional<std::uint64_t> body_max) {
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

HttpReply head_of(Parser const& parser) {
  HttpReply reply;
  reply.status = parser.get().result_int();
  for (auto const& field : parser.get())
    reply.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return reply;
}

bool is_interim(Parser const& parser) {
  auto const status = parser.get().result_int();
  return status >= 100 && status < 200 && status != 101;
}

/// What to do with what the parser has so far; called after each arrival, and at the end.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual Result<void> look(Parser& parser) = 0;
};

class KeepAll final : public Progress {
 public:
  Result<void> look(Parser&) override { return {}; }
};

/// Empties the parser as it fills.
class HandOn final : public Progress {
 public:
  explicit HandOn(ReplyReceiver& receiver) : receiver_(receiver) {}

  Result<void> look(Parser& parser) override {
    if (!parser.is_header_done() || is_interim(parser)) return {};
    if (!begun_) {
      begun_ = true;
      if (auto const taken = receiver_.begin(head_of(parser)); !taken) return taken.error();
    }
    auto& body = parser.get().body();
    if (body.empty()) return {};
    auto const taken = receiver_.take(body);
    body.clear();
    return taken;
  }

 private:
  ReplyReceiver& receiver_;
  bool begun_ = false;
};

// Reads into `parser` until the reply is complete.
awaitable<Result<void>> read_into(std::optional<Parser>& parser, ByteStream& bytes,
                                  std::string& leftover, bool is_head_request,
                                  boost::optional<std::uint64_t> body_max, Progress& progress) {
  prepare(parser, is_head_request, body_max);
  bool begun = !leftover.empty();
  std::size_t interim = 0;
  for (;;) {
    auto const done = feed(*parser, leftover);
    if (!done) co_return done.error();
    if (auto const seen = progress.look(*parser); !seen) co_return seen.error();
    if (*done && is_interim(*parser)) {
      if (++interim > kInterimMax) co_return Error(Errc::bad_message, "too many interim replies");
      prepare(parser, is_head_request, body_max);
      continue;
    }
    if (*done) co_return Result<void>{};

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
      co_return Result<void>{};
    } else {
      co_return chunk.error();
    }
  }
}

}  // namespace

awaitable<Result<ReplyHead>> read_reply(ByteStream& bytes, std::string& leftover,
                                        bool is_head_request, std::size_t body_max) {
  std::optional<Parser> parser;
  KeepAll progress;
  auto const read =
      co_await read_into(parser, bytes, leftover, is_head_request, body_max, progress);
  if (!read) co_return read.error();
  ReplyHead head;
  head.keep_alive = parser->keep_alive() && leftover.empty();
  head.reply = head_of(*parser);
  head.reply.body = std::move(parser->get().body());
  co_return std::move(head);
}

awaitable<Result<void>> read_reply_in_pieces(ByteStream& bytes, std::string& leftover,
                                             bool is_head_request, ReplyReceiver& receiver) {
  std::optional<Parser> parser;
  HandOn progress(receiver);
  co_return co_await read_into(parser, bytes, leftover, is_head_request, boost::none, progress);
}

}  // namespace bridge::net
