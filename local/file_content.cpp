#include "local/file_content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "base/number.hpp"
#include "net/url.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kPiece = 1024 * 1024;
constexpr auto kWriteLimit = 60s;  // a reader that takes nothing for so long has gone

std::string etag_of(StoredFile const& file) {
  return fmt::format("\"{}\"", file.hash);
}

// If-None-Match: weak comparison with any of the list.
bool names(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    auto const comma = list.find(',');
    std::string one(list.substr(0, comma));
    boost::trim(one);
    if (one == "*" || one == etag || one == fmt::format("W/{}", etag)) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

// The page of a stranger must not become one of ours: these bytes are for saving only.
net::HttpHeaders headers_of(Call const& call, StoredFile const& file) {
  auto headers = call.stream_headers();
  headers.emplace_back("Content-Disposition", attachment_header(file.name));
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("Content-Security-Policy", "sandbox; default-src 'none'");
  headers.emplace_back("Cache-Control", "private, no-cache");
  headers.emplace_back("ETag", etag_of(file));
  headers.emplace_back("Accept-Ranges", "bytes");
  return headers;
}

RangeAnswer asked_range(net::HttpRequest const& request, StoredFile const& file) {
  auto const condition = request.header("if-range");
  if (!condition.empty() && condition != etag_of(file)) return {};
  return read_range_header(request.header("range"), static_cast<std::uint64_t>(file.size));
}

awaitable<void> send_bytes(net::Disk& disk, net::HttpExchange& exchange, Descriptor bytes,
                           ByteRange range) {
  for (auto at = range.first; at <= range.last;) {
    auto const most = std::min<std::uint64_t>(kPiece, range.last - at + 1);
    auto read = [&] { return read_at(bytes.get(), at, static_cast<std::size_t>(most)); };
    auto const piece = co_await disk.run(read);
    if (!piece || piece->empty()) co_return;  // cut off, which is what it is
    auto const sent = co_await exchange.write(*piece);
    if (!sent) co_return;
    at += piece->size();
  }
  [[maybe_unused]] auto const ended = co_await exchange.end();
}

}  // namespace

RangeAnswer read_range_header(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!boost::istarts_with(header, kUnit)) return {};
  std::string text(header.substr(kUnit.size()));
  boost::trim(text);
  auto const dash = text.find('-');
  if (dash == std::string::npos || text.find(',') != std::string::npos) return {};
  auto const first = whole_number<std::uint64_t>(std::string_view(text).substr(0, dash));
  auto const last = whole_number<std::uint64_t>(std::string_view(text).substr(dash + 1));
  RangeAnswer nothing;
  nothing.satisfiable = false;
  RangeAnswer answer;
  if (dash == 0) {
    if (!last) return {};
    if (*last == 0 || size == 0) return nothing;
    answer.part = ByteRange{size - std::min(*last, size), size - 1};
    return answer;
  }
  bool const open = dash + 1 == text.size();
  if (!first || (!open && !last) || (last && *last < *first)) return {};
  if (*first >= size) return nothing;
  answer.part = ByteRange{*first, last ? std::min(*last, size - 1) : size - 1};
  return answer;
}

std::string attachment_header(std::string_view name) {
  std::string plain;
  for (char const c : name) {
    bool const safe = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%';
    // One underscore for each character, not for each of its bytes.
    if (safe)
      plain += c;
    else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
      plain += '_';
  }
  return fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", plain,
                     net::percent_encode(name));
}

awaitable<Outcome<net::HttpReply>> send_content(Files& files, Call const& call, StoredFile file) {
  auto& exchange = call.exchange;
  auto headers = headers_of(call, file);
  if (names(call.request.header("if-none-match"), etag_of(file))) {
    auto const begun = co_await exchange.begin_stream(304, std::move(headers));
    if (begun) (void)co_await exchange.end();
    co_return answered();
  }
  auto const range = asked_range(call.request, file);
  if (!range.satisfiable) {
    Problem problem(416, "request.range_not_satisfiable", "The file has no such bytes.");
    problem.headers.emplace_back("Content-Range", fmt::format("bytes */{}", file.size));
    co_return std::move(problem);
  }
  auto bytes = files.blobs().read(file.hash);
  if (!bytes) co_return files.unavailable(bytes.error());
  auto const size = static_cast<std::uint64_t>(file.size);
  auto const length = range.part ? range.part->last - range.part->first + 1 : size;
  headers.emplace_back("Content-Type", "application/octet-stream");
  headers.emplace_back("Content-Length", std::to_string(length));
  if (range.part)
    headers.emplace_back("Content-Range",
                         fmt::format("bytes {}-{}/{}", range.part->first, range.part->last, size));
  unsigned const status = range.part ? 206 : 200;
  auto const begun = co_await exchange.begin_stream(status, std::move(headers), kWriteLimit);
  if (!begun) co_return answered();
  if (length == 0) {
    [[maybe_unused]] auto const ended = co_await exchange.end();
    co_return answered();
  }
  ByteRange const all{0, size - 1};
  co_await send_bytes(files.disk(), exchange, std::move(*bytes), range.part.value_or(all));
  co_return answered();
}

}  // namespace bridge::local
