#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/url.hpp"

namespace bridge::net {

/// HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as curl and Go read them. Pure.
/// Loopback hosts never go through a proxy. Upper-case HTTP_PROXY is ignored when REQUEST_METHOD is
/// set (httpoxy).
class ProxySettings {
 public:
  ProxySettings() = default;
  using GetEnv = std::function<char const*(char const*)>;
  static Result<ProxySettings> from_env(GetEnv const& get);
  /// One proxy for every host but loopback; from the configuration.
  static Result<ProxySettings> fixed(std::string_view url);

  /// The proxy for `url`, or none. NO_PROXY entries: host, .suffix, IP, CIDR, each with an optional
  /// :port, or *.
  [[nodiscard]] std::optional<Url> choose(Url const& url) const;

 private:
  std::optional<Url> http_;
  std::optional<Url> https_;
  std::vector<std::string> no_proxy_;
};

}  // namespace bridge::net
