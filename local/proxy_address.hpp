#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::local {

/// Where a proxy is, and what it wants to be told.
struct ProxyAddress {
  std::string protocol;  ///< http, socks5
  std::string host;
  std::uint16_t port = 0;
  std::string username;  ///< empty: none
  std::optional<std::string> password;
};

/// http://[user[:password]@]host[:port] or socks5://... (socks5h:// is the same), and nothing
/// behind it; none when it is anything else.
[[nodiscard]] std::optional<ProxyAddress> read_proxy_address(std::string_view text);

/// A name or an address, which goes to Chromium as part of a flag: nothing that ends it there.
[[nodiscard]] bool is_proxy_host(std::string_view host);

/// A name or a password. RFC 1929 has room for no more, and HTTP's header for no control
/// characters.
[[nodiscard]] bool is_proxy_login(std::string_view text);

}  // namespace bridge::local
