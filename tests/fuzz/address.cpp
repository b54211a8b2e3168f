#include <string>

#include "net/authority.hpp"
#include "net/url.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/names.hpp"

namespace bridge::fuzz {

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
