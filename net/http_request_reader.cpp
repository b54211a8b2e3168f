#include "net/http_request_reader.hpp"

#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <utility>

#include "net/piece_body.hpp"

namespace bridge::net {
namespace {

namespace http = boost::beast::http;

BadRequest explain(error_code ec) {
  if (ec == http::error::header_limit) return {431, "The request's header is too large.\n"};
  if (ec == http::error::body_limit) return {413, "The request's body is too large.\n"};
  return {400, "This is not an HTTP/1.1 request.\n"};
}

HttpRequest to_request(http::request<PieceBody> const& from) {
  HttpRequest out;
  out.method = std::string(from.method_string());
  out.target = std::string(from.target());
  out.version = from.version();
  for (auto const& field : from)
    out.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return out;
}

}  // namespace

struct HttpRequestReader::Message {
  http::request_parser<PieceBody> parser;
};

HttpRequestReader::HttpRequestReader(ByteStream& bytes, std::size_t header_max,
                                     std::size_t body_max)
    : bytes_(bytes), header_max_(header_max), body_max_(body_max) {}

HttpRequestReader::~HttpRequestReader() = default;

awaitable<Result<void>> HttpRequestReader::receive() {
  auto const got = co_await bytes_.receive();
  if (!got) co_return got.error();
  buffer_.append(got->data(), got->size());
  co_return Result<void>{};
}

awaitable<Result<void>> HttpRequestReader::wait_for_first_byte() {
  if (!buffer_.empty()) co_return Result<void>{};
  co_return co_await receive();
}

Error HttpRequestReader::bad(error_code why) {
  why_ = explain(why);
  return Error(Errc::bad_message, "HTTP request");
}

// Parses what is there: the head alone, or as much of the body as has come.
Result<void> HttpRequestReader::feed() {
  auto& parser = message_->parser;
  bool const head = !parser.is_header_done();
  while (!buffer_.empty() && !parser.is_done() && (!head || !parser.is_header_done())) {
    error_code ec;
    auto const used = parser.put(asio::buffer(buffer_), ec);
    buffer_.erase(0, used);
    if (ec && ec != http::error::need_more) return bad(ec);
    if (used == 0 || ec) break;
  }
  // Beast 1.81 limits neither the line before a chunk nor what stands behind the last.
  bool const stuck = head ? !parser.is_header_done() : !parser.is_done();
  if (stuck && buffer_.size() > header_max_) return bad(http::error::header_limit);
  return {};
}

awaitable<Result<HttpRequest>> HttpRequestReader::read_head() {
  message_ = std::make_unique<Message>();
  auto& parser = message_->parser;
  parser.eager(false);  // stop behind the head: what the body may be is not known before
  parser.header_limit(static_cast<std::uint32_t>(header_max_));
  parser.body_limit(boost::none);
  for (;;) {
    auto const fed = feed();
    if (!fed) co_return fed.error();
    if (parser.is_header_done()) break;
    auto const more = co_await receive();
    if (!more) co_return more.error();
  }
  parser.eager(true);
  last_ = !parser.keep_alive();
  auto request = to_request(parser.get());
  invited_ = request.version < 11 || !boost::iequals(request.header("expect"), "100-continue");
  co_return std::move(request);
}

Result<void> HttpRequestReader::limit_body(std::uint64_t most) {
  auto& parser = message_->parser;
  auto const declared = parser.content_length();
  if (declared && *declared > most) return bad(http::error::body_limit);
  parser.body_limit(most);  // chunks are counted as they come
  return {};
}

bool HttpRequestReader::body_left() const {
  return message_ && !(message_->parser.is_done() && message_->parser.get().body().empty());
}

// Who has sent some of the body waits for nothing.
awaitable<Result<void>> HttpRequestReader::invite_body() {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (std::exchange(invited_, true) || !buffer_.empty()) co_return Result<void>{};
  std::array<asio::const_buffer, 1> const piece{asio::buffer(kContinue)};
  co_return co_await bytes_.send(piece);
}

awaitable<Result<std::optional<std::string>>> HttpRequestReader::read_piece() {
  using Piece = std::optional<std::string>;
  auto& parser = message_->parser;
  auto& body = parser.get().body();
  for (;;) {
    auto const fed = feed();
    if (!fed) co_return fed.error();
    if (!body.empty()) co_return Piece(std::exchange(body, std::string()));
    if (parser.is_done()) co_return Piece();
    auto const invited = co_await invite_body();
    if (!invited) co_return invited.error();
    auto const more = co_await receive();
    if (!more) co_return more.error();
  }
}

awaitable<Result<void>> HttpRequestReader::read_body(std::string& body) {
  for (;;) {
    auto const piece = co_await read_piece();
    if (!piece) co_return piece.error();
    if (!*piece) co_return Result<void>{};
    body += **piece;
  }
}

awaitable<Result<HttpRequest>> HttpRequestReader::read(Plan const& plan) {
  auto request = co_await read_head();
  if (!request) co_return request.error();
  auto const wanted = plan(*request);
  auto const limited = limit_body(wanted.most.value_or(body_max_));
  if (!limited) co_return limited.error();
  if (wanted.in_pieces) co_return std::move(request);
  auto const whole = co_await read_body(request->body);
  if (!whole) co_return whole.error();
  co_return std::move(request);
}

}  // namespace bridge::net
