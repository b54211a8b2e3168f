#include "local/proxy_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/url.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kLoginMax = 255;
constexpr std::uint16_t kSocksPort = 1080;

bool names_port(std::string_view authority) {
  auto const colon = authority.rfind(':');
  return colon != std::string_view::npos && colon + 1 < authority.size() &&
         authority.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

}  // namespace

std::optional<ProxyAddress> read_proxy_address(std::string_view text) {
  ProxyAddress address;
  std::string_view rest;
  for (auto const& [scheme, protocol] :
       {std::pair("http://", "http"), std::pair("socks5://", "socks5"),
        std::pair("socks5h://", "socks5")})
    if (text.starts_with(scheme)) {
      address.protocol = protocol;
      rest = text.substr(std::string_view(scheme).size());
    }
  if (rest.empty()) return std::nullopt;
  // The other grammars are http's; only the port by default is another.
  auto const url = net::parse_url(fmt::format("http://{}", rest));
  if (!url || url->target != "/" || !is_proxy_host(url->host)) return std::nullopt;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  address.host = url->host;
  address.port = address.protocol == "socks5" && !names_port(rest) ? kSocksPort : url->port;
  auto const colon = url->userinfo.find(':');
  address.username = url->userinfo.substr(0, colon);
  if (colon != std::string::npos) address.password = url->userinfo.substr(colon + 1);
  if (!is_proxy_login(address.username) || !is_proxy_login(address.password.value_or("")))
    return std::nullopt;
  return address;
}

bool is_proxy_host(std::string_view host) {
  bool const plain = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.:").find(c) != std::string_view::npos;
  });
  if (host.empty() || !plain) return false;
  auto const url = net::parse_url(fmt::format("http://{}/", net::host_and_port(host, 1)));
  return url && url->port == 1 && url->host.size() == host.size();
}

bool is_proxy_login(std::string_view text) {
  return text.size() <= kLoginMax && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
         });
}

}  // namespace bridge::local
