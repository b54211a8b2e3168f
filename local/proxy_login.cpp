#include "local/proxy_login.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "net/base64.hpp"

namespace bridge::local {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool is_header(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return false;
  return std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

// The head without the headers called so, and without its empty line.
std::string without(std::string_view head, std::initializer_list<std::string_view> names) {
  std::string kept;
  while (!head.empty()) {
    auto const end = head.find(kLineEnd);
    auto const line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + kLineEnd.size());
    bool const dropped = std::any_of(names.begin(), names.end(),
                                     [&](std::string_view name) { return is_header(line, name); });
    if (line.empty() || dropped) continue;
    kept += line;
    kept += kLineEnd;
  }
  return kept;
}

}  // namespace

bool is_connect(std::string_view head) {
  return head.starts_with("CONNECT ");
}

std::string with_login(std::string_view head, RuntimePlan::Proxy const& proxy) {
  auto made = without(head, {"Proxy-Authorization", "Proxy-Connection"});
  if (!is_connect(head)) {
    made = without(made, {"Connection"});
    made += "Connection: close\r\n";
  }
  made += "Proxy-Authorization: Basic ";
  made += net::base64(proxy.username + ':' + proxy.password);
  return made + "\r\n\r\n";
}

std::string as_last_reply(std::string_view head) {
  auto made = without(head, {"Connection", "Proxy-Connection", "Keep-Alive"});
  return made + "Connection: close\r\n\r\n";
}

std::string socks_login(RuntimePlan::Proxy const& proxy) {
  std::string message(1, '\x01');
  for (auto const& part : {proxy.username, proxy.password}) {
    message += static_cast<char>(part.size());
    message += part;
  }
  return message;
}

}  // namespace bridge::local
