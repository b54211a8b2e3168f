#include "net/authority.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <string>

namespace bridge::net {
namespace {

bool is_port(std::string_view text) {
  if (text.size() > 5 || text.find_first_not_of("0123456789") != std::string_view::npos)
    return false;
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value <= 65535;
}

// "evil.example/.localhost" ends like a local name, and system calls stop at a NUL.
bool is_plain(std::string_view authority) {
  return std::all_of(authority.begin(), authority.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.~:[]").find(c) != std::string_view::npos;
  });
}

bool is_address(std::string_view host) {
  boost::system::error_code ec;
  boost::asio::ip::make_address(host, ec);
  return !ec;
}

// "127.1", "2130706433", "0x7f000001": curl sends them as they were typed.
bool is_old_address(std::string_view host) {
  in_addr ignored{};
  return host.find_first_not_of("0123456789abcdefABCDEFxX.") == std::string_view::npos &&
         ::inet_aton(std::string(host).c_str(), &ignored) != 0;
}

}  // namespace

std::string_view host_of_authority(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

bool is_port_suffix(std::string_view rest) {
  return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
}

bool is_local_authority(std::string_view authority) {
  if (!is_plain(authority)) return false;
  auto const host = host_of_authority(authority);
  bool const bracketed = authority.starts_with('[');
  auto rest = authority.substr(host.size());
  if (bracketed) {
    if (authority.find(']') == std::string_view::npos) return false;
    rest = authority.substr(host.size() + 2);
  }
  if (!is_port_suffix(rest)) return false;
  if (bracketed) return host.find(':') != std::string_view::npos && is_address(host);
  auto const name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  if (is_address(name) || is_old_address(name)) return true;
  constexpr std::string_view kSuffix = ".localhost";
  return boost::iequals(name, "localhost") ||
         (name.size() > kSuffix.size() &&
          boost::iequals(name.substr(name.size() - kSuffix.size()), kSuffix));
}

}  // namespace bridge::net
