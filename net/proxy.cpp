#include "net/proxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

namespace bridge::net {
namespace {

namespace ip = boost::asio::ip;

// Only CONNECT over plain HTTP is spoken. Another kind is an error, since going round a proxy that
// somebody asked for may leak what it was to guard.
Result<std::optional<Url>> parse_proxy(std::string_view text, std::string_view from) {
  if (text.empty()) return std::optional<Url>{};
  auto const whole = text.find("://") == std::string_view::npos ? fmt::format("http://{}", text)
                                                                : std::string(text);
  auto url = parse_url(whole);
  if (!url || url->scheme != "http")
    return Error(Errc::bad_url, fmt::format("{} must be http://[user:password@]host:port", from));
  return std::optional<Url>(std::move(*url));
}

std::string_view env(ProxySettings::GetEnv const& get, char const* name) {
  auto const* value = get(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

struct Named {
  std::string_view value;
  std::string_view name;
};

Named first_set(ProxySettings::GetEnv const& get, std::initializer_list<char const*> names) {
  for (auto const* name : names)
    if (auto const value = env(get, name); !value.empty()) return {value, name};
  return {};
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> out;
  std::string entry;
  for (char const c : list) {
    if (c == ',' || c == ' ' || c == '\t') {
      if (!entry.empty()) out.push_back(std::move(entry));
      entry.clear();
    } else {
      entry += c;
    }
  }
  if (!entry.empty()) out.push_back(std::move(entry));
  for (auto& text : out) text = to_lower(text);
  return out;
}

struct Entry {
  std::string_view host;
  std::string_view port;  // empty: any
};

// A bare IPv6 address has several colons and no port; with a port it stands in brackets.
Entry split_port(std::string_view text) {
  if (text.starts_with('[')) {
    auto const close = text.find(']');
    if (close == std::string_view::npos) return {text, {}};
    auto const behind = text.substr(close + 1);
    return {text.substr(1, close - 1), behind.starts_with(':') ? behind.substr(1) : ""};
  }
  auto const colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool in_network(ip::address const& host, std::string const& cidr) {
  boost::system::error_code ec;
  if (host.is_v4()) {
    auto const net = ip::make_network_v4(cidr, ec);
    return !ec && net.canonical().network() ==
                      ip::network_v4(host.to_v4(), net.prefix_length()).canonical().network();
  }
  auto const net = ip::make_network_v6(cidr, ec);
  return !ec && net.canonical().network() ==
                    ip::network_v6(host.to_v6(), net.prefix_length()).canonical().network();
}

bool matches_address(ip::address const& host, std::string const& entry) {
  if (entry.find('/') != std::string::npos) return in_network(host, entry);
  boost::system::error_code ec;
  auto const listed = ip::make_address(entry, ec);
  return !ec && listed == host;
}

// A name covers its subdomains, with a leading dot or "*." or without, as in curl.
bool matches_name(std::string_view host, std::string_view entry) {
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

bool is_exempt(std::string const& text, Url const& url) {
  if (text == "*") return true;
  auto const entry = split_port(text);
  if (!entry.port.empty() && entry.port != std::to_string(url.port)) return false;
  boost::system::error_code ec;
  auto const address = ip::make_address(url.host, ec);
  if (!ec) return matches_address(address, std::string(entry.host));
  return matches_name(url.host, entry.host);
}

}  // namespace

Result<ProxySettings> ProxySettings::from_env(GetEnv const& get) {
  auto http = first_set(get, {"http_proxy"});
  // A CGI server puts a client's "Proxy:" header into HTTP_PROXY (httpoxy).
  if (http.value.empty() && env(get, "REQUEST_METHOD").empty())
    http = first_set(get, {"HTTP_PROXY"});
  if (http.value.empty()) http = first_set(get, {"all_proxy", "ALL_PROXY"});
  auto const https = first_set(get, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});

  ProxySettings settings;
  auto http_url = parse_proxy(http.value, http.name);
  if (!http_url) return http_url.error();
  settings.http_ = std::move(*http_url);
  auto https_url = parse_proxy(https.value, https.name);
  if (!https_url) return https_url.error();
  settings.https_ = std::move(*https_url);
  settings.no_proxy_ = split_list(first_set(get, {"no_proxy", "NO_PROXY"}).value);
  return settings;
}

Result<ProxySettings> ProxySettings::fixed(std::string_view url) {
  auto parsed = parse_proxy(url, "the proxy");
  if (!parsed) return parsed.error();
  ProxySettings settings;
  settings.http_ = *parsed;
  settings.https_ = std::move(*parsed);
  return settings;
}

std::optional<Url> ProxySettings::choose(Url const& url) const {
  if (is_loopback_host(url.host)) return std::nullopt;
  auto const exempt = [&url](std::string const& entry) { return is_exempt(entry, url); };
  if (std::any_of(no_proxy_.begin(), no_proxy_.end(), exempt)) return std::nullopt;
  return url.tls() ? https_ : http_;
}

}  // namespace bridge::net
