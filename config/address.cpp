#include "config/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/text.hpp"

namespace bridge::config {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  auto const end = text.data() + text.size();
  auto const [rest, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc{} && rest == end && value > 0 && value <= 65535;
}

// A backslash ends the host for some parsers and not for others: no address of ours needs one.
bool is_clean(std::string_view url) {
  return std::all_of(url.begin(), url.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
}

bool is_ipv6(std::string_view host) {
  in6_addr ignored{};
  return inet_pton(AF_INET6, std::string(host).c_str(), &ignored) == 1;
}

bool split_host(std::string_view authority, Address& out) {
  std::string_view rest;
  if (authority.starts_with('[')) {
    auto const end = authority.find(']');
    if (end == std::string_view::npos) return false;
    out.host = lower(authority.substr(1, end - 1));
    if (!is_ipv6(out.host)) return false;
    rest = authority.substr(end + 1);
  } else {
    auto const colon = std::min(authority.find(':'), authority.size());
    out.host = lower(authority.substr(0, colon));
    rest = authority.substr(colon);
  }
  if (out.host.empty() || out.host.find_first_of("[]%") != std::string::npos) return false;
  if (rest.empty()) return true;
  out.port = rest.substr(1);
  return rest.front() == ':' && is_port(out.port);
}

}  // namespace

std::uint16_t Address::port_number() const {
  if (port.empty()) {
    if (scheme == "http" || scheme == "ws") return 80;
    return scheme == "https" || scheme == "wss" ? 443 : 0;
  }
  std::uint16_t value = 0;
  std::from_chars(port.data(), port.data() + port.size(), value);
  return value;
}

std::string Address::origin() const {
  auto const brackets = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}", scheme, brackets ? "[" + host + "]" : host,
                     port.empty() ? "" : ":", port);
}

std::optional<Address> split_address(std::string_view url) {
  auto const colon = url.find("://");
  if (colon == std::string_view::npos || colon == 0 || !is_clean(url)) return std::nullopt;
  Address out;
  out.scheme = lower(url.substr(0, colon));
  url.remove_prefix(colon + 3);
  auto const end = std::min(url.find_first_of("/?#"), url.size());
  auto authority = url.substr(0, end);
  auto const rest = url.substr(end);
  out.path = !rest.empty() && rest != "/";
  if (auto const at = authority.rfind('@'); at != std::string_view::npos) {
    out.userinfo = true;
    authority.remove_prefix(at + 1);
  }
  if (!split_host(authority, out)) return std::nullopt;
  return out;
}

bool is_loopback(std::string_view host) {
  auto const name = lower(host);
  if (name == "localhost" || name.ends_with(".localhost")) return true;
  // inet_pton takes dotted quads only; 127.1 and 0177.0.0.1 stay suspicious.
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, name.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string normal_base_url(std::string_view url) {
  std::string out(trimmed(url));
  while (out.ends_with('/')) out.pop_back();
  if (!out.empty() && !out.ends_with("/v1")) out += "/v1";
  return out;
}

}  // namespace bridge::config
