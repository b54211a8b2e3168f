#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "net/authority.hpp"
#include "net/url.hpp"
#include "tests/fuzz/checks.hpp"

namespace bridge::fuzz {
namespace {

bool is_localhost(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  if (name.ends_with('.')) name.pop_back();
  return name == "localhost" || (name.size() > 10 && name.ends_with(".localhost"));
}

/// What nobody else can have pointed at this machine: a number of some form, or localhost.
bool names_this_machine(std::string const& host) {
  in6_addr ignored6{};
  in_addr ignored4{};
  auto const plain = host.substr(0, host.find('%'));
  auto const name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  return is_localhost(host) || ::inet_pton(AF_INET6, plain.c_str(), &ignored6) == 1 ||
         ::inet_aton(name.c_str(), &ignored4) != 0;
}

}  // namespace

void check_address(std::string_view bytes) {
  if (net::is_local_authority(bytes)) {
    auto const host = std::string(net::host_of_authority(bytes));
    require(host.find('\0') == std::string::npos, "a host without a NUL");
    require(names_this_machine(host), "only this machine's names are local");
  }
  require(net::percent_decode(net::percent_encode(bytes)) == bytes, "escapes read back");

  auto const url = net::parse_url(bytes);
  if (!url) return;
  if (net::is_loopback_host(url->host))
    require(net::is_local_authority(url->authority()), "loopback is local");
  auto const text = url->text();
  auto const again = net::parse_url(text);
  require(again.has_value(), "what is written is read");
  require(again->scheme == url->scheme && again->host == url->host && again->port == url->port &&
              again->target == url->target,
          "and means the same");
  require(again->text() == text, "and is written the same");
  require(url->target.starts_with('/'), "a target begins with a slash");
  for (char const c : text)
    require(c > ' ' && static_cast<unsigned char>(c) < 0x7f, "nothing splits a request line");
  require(url->port != 0 && !url->host.empty(), "there is something to dial");
}

}  // namespace bridge::fuzz
