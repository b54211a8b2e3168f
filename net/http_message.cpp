#include "net/http_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/beast/http/status.hpp>

namespace bridge::net {

std::string_view find_header(HttpHeaders const& headers, std::string_view name) {
  for (auto const& [key, value] : headers)
    if (boost::iequals(key, name)) return value;
  return {};
}

void set_header(HttpHeaders& headers, std::string_view name, std::string_view value) {
  std::erase_if(headers, [name](HttpHeader const& h) { return boost::iequals(h.first, name); });
  headers.emplace_back(name, value);
}

std::size_t count_header(HttpHeaders const& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [name](HttpHeader const& h) { return boost::iequals(h.first, name); }));
}

HttpReply text_reply(unsigned status, std::string_view text, std::string_view type) {
  HttpReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", std::string(type));
  reply.body = text;
  return reply;
}

std::string_view http_reason(unsigned status) {
  // Chrome's debugging port answers an upgrade in these words.
  if (status == 101) return "WebSocket Protocol Handshake";
  auto const reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  return {reason.data(), reason.size()};
}

// A line break would end the header early and let its value forge the next one.
bool is_well_formed(HttpRequest const& request) {
  constexpr std::string_view kBreaks("\r\n\0", 3);
  return std::all_of(request.headers.begin(), request.headers.end(), [&](HttpHeader const& header) {
    return header.first.find_first_of(kBreaks) == std::string::npos &&
           header.second.find_first_of(kBreaks) == std::string::npos;
  });
}

std::string format_head(HttpRequest const& request, std::string_view host, std::uint64_t more) {
  auto out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, host);
  for (auto const& [name, value] : request.headers) out += fmt::format("{}: {}\r\n", name, value);
  auto const size = request.body.size() + more;
  bool const body_due = size != 0 || (request.method != "GET" && request.method != "HEAD");
  if (body_due) out += fmt::format("Content-Length: {}\r\n", size);
  out += "\r\n";
  return out;
}

std::string format_head(HttpReply const& reply) {
  auto out = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, http_reason(reply.status));
  for (auto const& [name, value] : reply.headers) out += fmt::format("{}: {}\r\n", name, value);
  if (reply.status >= 200 && reply.status != 204)
    out += fmt::format("Content-Length: {}\r\n", reply.body.size());
  out += "\r\n";
  return out;
}

}  // namespace bridge::net
