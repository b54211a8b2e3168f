#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::net {

/// A parsed http, https, ws or wss address. Path and query may be credentials: log origin() only.
struct Url {
  std::string scheme;  ///< lower case: http, https, ws, wss
  std::string host;    ///< a name or an IP literal, IPv6 without brackets
  std::uint16_t port = 0;
  std::string userinfo;  ///< user[:password], percent-decoded; of proxies
  std::string target;    ///< path and query as they go into the request line, at least "/"

  [[nodiscard]] bool tls() const { return scheme == "https" || scheme == "wss"; }
  [[nodiscard]] bool is_ws() const { return scheme == "ws" || scheme == "wss"; }
  /// Host header value: brackets round IPv6, the port unless it is the scheme's own.
  [[nodiscard]] std::string authority() const;
  /// "wss://host:port", safe to print.
  [[nodiscard]] std::string origin() const;
  /// The whole address without userinfo. A secret wherever the path may be one.
  [[nodiscard]] std::string text() const;
  /// Same origin, another path: base.with_target("/json/version").
  [[nodiscard]] Url with_target(std::string target) const;
};

/// Tolerant where browsers are: a missing path is "/", odd characters in path and query are
/// escaped, a fragment is dropped. Errors are Errc::bad_url and never quote the address.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

/// "host:port", with brackets round an IPv6 literal.
[[nodiscard]] std::string host_and_port(std::string_view host, std::uint16_t port);

/// 127.0.0.0/8, ::1, localhost and *.localhost. connect_to() asks no name server for such names, so
/// an answer from one cannot turn them into another machine.
[[nodiscard]] bool is_loopback_host(std::string_view host);

[[nodiscard]] std::string percent_decode(std::string_view text);
/// Decoding yields bytes; this says whether they are text.
[[nodiscard]] bool is_utf8(std::string_view bytes);
/// Everything but unreserved characters is escaped: one path segment, one query value.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace bridge::net
