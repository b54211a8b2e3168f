#include "net/url.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace bridge::net {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_unreserved(char c) {
  return is_alnum(c) || std::string_view("-._~").find(c) != std::string_view::npos;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_escape(std::string_view text, std::size_t at) {
  return at + 2 < text.size() && hex_value(text[at + 1]) >= 0 && hex_value(text[at + 2]) >= 0;
}

void append_escaped(std::string& out, char c) {
  auto const byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::uint16_t default_port(std::string_view scheme) {
  return scheme == "https" || scheme == "wss" ? 443 : 80;
}

// Servers hand out tokens with characters such as '|' in them, which browsers accept and RFC 3986
// does not.
std::string escape_odd(std::string_view tail) {
  constexpr std::string_view kLegal = "-._~:/?#@!$&'()*+,;=";
  std::string out;
  for (std::size_t i = 0; i < tail.size(); ++i) {
    auto const c = tail[i];
    bool const legal = is_alnum(c) || kLegal.find(c) != std::string_view::npos;
    if (legal || (c == '%' && is_escape(tail, i))) {
      out += c;
    } else {
      append_escaped(out, c);
    }
  }
  return out;
}

std::string in_brackets(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host) : fmt::format("[{}]", host);
}

Error bad(char const* why) {
  return {Errc::bad_url, why};
}

// A space or a line break inside an address is a mistake of its writer, and would split the request
// line.
bool has_blank_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

}  // namespace

std::string Url::authority() const {
  return port == default_port(scheme) ? in_brackets(host) : host_and_port(host, port);
}

std::string Url::origin() const {
  return fmt::format("{}://{}", scheme, host_and_port(host, port));
}

std::string Url::text() const {
  return fmt::format("{}://{}{}", scheme, authority(), target);
}

Url Url::with_target(std::string new_target) const {
  auto other = *this;
  other.target = std::move(new_target);
  return other;
}

Result<Url> parse_url(std::string_view text) {
  if (has_blank_or_control(text)) return bad("the address holds a blank or a control character");
  text = text.substr(0, text.find('#'));
  auto const slashes = text.find("://");
  if (slashes == std::string_view::npos) return bad("the address has no scheme");
  auto const tail = std::min(text.find_first_of("/?", slashes + 3), text.size());
  auto const whole = std::string(text.substr(0, tail)) + escape_odd(text.substr(tail));
  auto const parsed = boost::urls::parse_uri(whole);
  if (!parsed) return bad("the address is malformed");
  // Boost 1.81 reads "host:x/path" as the host "host" and the path "x/path".
  if (parsed->encoded_authority().size() != tail - slashes - 3)
    return bad("the address has a malformed port");

  Url url;
  url.scheme = to_lower(std::string_view(parsed->scheme().data(), parsed->scheme().size()));
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "ws" && url.scheme != "wss")
    return bad("the address is not http, https, ws or wss");
  url.host = to_lower(parsed->host_address());
  if (url.host.empty()) return bad("the address has no host");
  // Nothing in a name needs an escape, and what Boost decodes need not survive text().
  bool const is_name = parsed->host_type() == boost::urls::host_type::name;
  auto const written = parsed->encoded_host();
  if (parsed->host_type() == boost::urls::host_type::ipvfuture ||
      (is_name && !std::all_of(written.begin(), written.end(), is_unreserved)))
    return bad("the address has a malformed host");
  bool const port_given = parsed->has_port() && !parsed->port().empty();
  url.port = port_given ? parsed->port_number() : default_port(url.scheme);
  if (url.port == 0) return bad("the address has a port out of range");
  url.userinfo = parsed->has_userinfo() ? parsed->userinfo() : std::string();
  auto const path = parsed->encoded_path();
  url.target = path.empty() ? "/" : std::string(path.data(), path.size());
  if (parsed->has_query()) {
    auto const query = parsed->encoded_query();
    url.target += '?';
    url.target.append(query.data(), query.size());
  }
  return url;
}

std::string host_and_port(std::string_view host, std::uint16_t port) {
  return fmt::format("{}:{}", in_brackets(host), port);
}

bool is_loopback_host(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  auto const address = boost::asio::ip::make_address(host, ec);
  if (!ec) return address.is_loopback();
  auto name = to_lower(host);
  if (!name.empty() && name.back() == '.') name.pop_back();
  constexpr std::string_view kSuffix = ".localhost";
  return name == "localhost" || (name.size() > kSuffix.size() && name.ends_with(kSuffix));
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && is_escape(text, i)) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      append_escaped(out, c);
    }
  }
  return out;
}

bool is_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes);
}

}  // namespace bridge::net
