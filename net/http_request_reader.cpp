#include "net/http_request_reader.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

namespace bridge::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

BadRequest explain(error_code ec) {
  if (ec == http::error::header_limit) return {431, "The request's header is too large.\n"};
  if (ec == http::error::body_limit) return {413, "The request's body is too large.\n"};
  return {400, "This is not an HTTP/1.1 request.\n"};
}

HttpRequest to_request(http::request<http::string_body>&& from) {
  HttpRequest out;
  out.method = std::string(from.method_string());
  out.target = std::string(from.target());
  out.version = from.version();
  for (auto const& field : from)
    out.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  out.body = std::move(from.body());
  return out;
}

}  // namespace

awaitable<Result<void>> HttpRequestReader::wait_for_first_byte() {
  if (!buffer_.empty()) co_return Result<void>{};
  auto const got = co_await bytes_.receive();
  if (!got) co_return got.error();
  buffer_.assign(got->data(), got->size());
  co_return Result<void>{};
}

awaitable<Result<HttpRequest>> HttpRequestReader::read() {
  Parser parser;
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(header_max_));
  parser.body_limit(body_max_);
  for (;;) {
    error_code ec;
    auto const used = buffer_.empty() ? 0 : parser.put(asio::buffer(buffer_), ec);
    buffer_.erase(0, used);
    if (ec && ec != http::error::need_more) {
      why_ = explain(ec);
      co_return Error(Errc::bad_message, "HTTP request");
    }
    if (parser.is_done()) break;
    if (used > 0 && !buffer_.empty() && !ec) continue;  // a chunk at a time
    // Beast 1.81 limits neither the line before a chunk nor what stands behind the last.
    if (buffer_.size() > header_max_) {
      why_ = explain(http::error::header_limit);
      co_return Error(Errc::bad_message, "HTTP request");
    }
    auto const got = co_await bytes_.receive();
    if (!got) co_return got.error();
    buffer_.append(got->data(), got->size());
  }
  last_ = !parser.keep_alive();
  co_return to_request(parser.release());
}

}  // namespace bridge::net
