#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::config {

/// As much of a URL as the rules of the configuration need. Dialling it is net's business, and net
/// parses it again.
struct Address {
  std::string scheme;     ///< lower case
  std::string host;       ///< lower case, IPv6 without brackets
  std::string port;       ///< digits; empty: the scheme's own
  bool userinfo = false;  ///< a user name or password stands before the host
  bool path = false;      ///< something besides "/" follows

  /// The port in use; 0 for a scheme that has no default of its own.
  [[nodiscard]] std::uint16_t port_number() const;
  /// "scheme://host:port", which holds no credential.
  [[nodiscard]] std::string origin() const;
};

[[nodiscard]] std::optional<Address> split_address(std::string_view url);

/// 127.0.0.0/8, ::1, localhost and *.localhost: what stays on this machine and may be in clear.
[[nodiscard]] bool is_loopback(std::string_view host);

/// `url` without white space round it and slashes at its end, and with /v1 at its end.
[[nodiscard]] std::string normal_base_url(std::string_view url);

}  // namespace bridge::config
