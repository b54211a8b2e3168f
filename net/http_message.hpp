#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge::net {

using HttpHeader = std::pair<std::string, std::string>;
using HttpHeaders = std::vector<HttpHeader>;

/// First value of `name`, compared without case; empty when absent.
[[nodiscard]] std::string_view find_header(HttpHeaders const& headers, std::string_view name);
/// In place of every header of that name.
void set_header(HttpHeaders& headers, std::string_view name, std::string_view value);
[[nodiscard]] std::size_t count_header(HttpHeaders const& headers, std::string_view name);

struct HttpRequest {
  std::string method;
  std::string target;     ///< as it stood in the request line
  unsigned version = 11;  ///< 10 or 11
  HttpHeaders headers;
  std::string body;

  [[nodiscard]] std::string_view header(std::string_view name) const {
    return find_header(headers, name);
  }
  [[nodiscard]] bool has(std::string_view name) const { return count_header(headers, name) > 0; }
  /// Connection lists "upgrade" and Upgrade lists "websocket".
  [[nodiscard]] bool wants_websocket() const;
};

struct HttpReply {
  unsigned status = 200;
  HttpHeaders headers;  ///< Content-Length and Connection are added when sent
  std::string body;

  [[nodiscard]] std::string_view header(std::string_view name) const {
    return find_header(headers, name);
  }
};

/// A reply in plain words.
[[nodiscard]] HttpReply text_reply(unsigned status, std::string_view text,
                                   std::string_view type = "text/plain; charset=UTF-8");

[[nodiscard]] std::string_view http_reason(unsigned status);

/// Whether no header of it holds a line break.
[[nodiscard]] bool is_well_formed(HttpRequest const& request);

/// Request line and headers of an HTTP/1.1 request, with `host` as Host and Content-Length where a
/// body is due: what `request` holds and `more` bytes that the caller sends after it.
[[nodiscard]] std::string format_head(HttpRequest const& request, std::string_view host,
                                      std::uint64_t more = 0);
/// Status line and headers of a reply, with Content-Length unless it is a 101.
[[nodiscard]] std::string format_head(HttpReply const& reply);

}  // namespace bridge::net
