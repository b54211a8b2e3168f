#include "daemon/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>

#include "base/html.hpp"
#include "net/authority.hpp"

namespace bridge {
namespace {

net::HttpReply refuse(unsigned status, std::string_view text) {
  return net::text_reply(status, text, "text/html");
}

bool one_origin_allowed(std::string_view origin, net::HttpExchange const& exchange,
                        std::span<std::string const> allowed) {
  if (origin.ends_with('/')) origin.remove_suffix(1);
  if (boost::iequals(origin, "http://" + exchange.local_authority())) return true;
  return std::any_of(allowed.begin(), allowed.end(), [origin](std::string const& entry) {
    return entry == "*" || boost::iequals(entry, origin);
  });
}

// A browser sends one; of several, each has to be a good one.
bool origin_allowed(net::HttpExchange const& exchange, std::span<std::string const> allowed) {
  auto const& headers = exchange.request().headers;
  return std::all_of(headers.begin(), headers.end(), [&](net::HttpHeader const& header) {
    return !boost::iequals(header.first, "Origin") ||
           one_origin_allowed(header.second, exchange, allowed);
  });
}

bool is_other_site(net::HttpHeader const& header) {
  return boost::iequals(header.first, "Sec-Fetch-Site") &&
         (boost::iequals(header.second, "cross-site") ||
          boost::iequals(header.second, "same-site"));
}

}  // namespace

std::optional<net::HttpReply> check_host(net::HttpExchange const& exchange,
                                         std::span<std::string const> allowed) {
  auto const& request = exchange.request();
  auto const host = request.header("Host");
  auto const count = net::count_header(request.headers, "Host");
  if (count == 0 || (count == 1 && (host.empty() || net::is_local_authority(host))))
    return std::nullopt;
  auto const name = net::host_of_authority(host);
  bool const plain = host.starts_with(name) && net::is_port_suffix(host.substr(name.size()));
  bool const listed =
      plain && std::any_of(allowed.begin(), allowed.end(), [name](std::string const& entry) {
        return boost::iequals(entry, name);
      });
  if (count == 1 && listed) return std::nullopt;
  return refuse(500, "Host header is specified and is not an IP address or localhost.");
}

std::optional<net::HttpReply> check_origin(net::HttpExchange const& exchange,
                                           std::span<std::string const> allowed) {
  if (origin_allowed(exchange, allowed)) return std::nullopt;
  return refuse(
      403,
      fmt::format(
          "Rejected an incoming WebSocket connection from the {} origin. To allow it, add it to "
          "allowed_origins of this bridge in the configuration.",
          html_escape(exchange.request().header("Origin"))));
}

std::optional<net::HttpReply> check_not_forged(net::HttpExchange const& exchange,
                                               std::span<std::string const> allowed) {
  auto const& headers = exchange.request().headers;
  bool const other_site = std::any_of(headers.begin(), headers.end(), is_other_site);
  if (!other_site && origin_allowed(exchange, allowed)) return std::nullopt;
  return refuse(403, "Requests of other web pages are refused.");
}

}  // namespace bridge
