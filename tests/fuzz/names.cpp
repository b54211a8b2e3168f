#include "tests/fuzz/names.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace bridge::fuzz {
namespace {

bool is_localhost(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return name == "localhost" || (name.size() > 10 && name.ends_with(".localhost"));
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return out;
}

bool names_this_machine(std::string const& host) {
  in6_addr ignored6{};
  in_addr ignored4{};
  auto const plain = host.substr(0, host.find('%'));
  auto const name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  return is_localhost(lower(host)) || ::inet_pton(AF_INET6, plain.c_str(), &ignored6) == 1 ||
         ::inet_aton(name.c_str(), &ignored4) != 0;
}

}  // namespace bridge::fuzz
