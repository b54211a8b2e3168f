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

bool origin_allowed(net::HttpExchange const& exchange, std::span<std::string const> allowed) {
  auto const& request = exchange.request();
  if (!request.has("Origin")) return true;
  auto origin = request.header("Origin");
  if (origin.ends_with('/')) origin.remove_suffix(1);
  if (boost::iequals(origin, "http://" + exchange.local_authority())) return true;
  return std::any_of(allowed.begin(), allowed.end(), [origin](std::string const& entry) {
    return entry == "*" || boost::iequals(entry, origin);
  });
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
  bool const listed = std::any_of(allowed.begin(), allowed.end(), [name](std::string const& entry) {
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
  auto const site = exchange.request().header("Sec-Fetch-Site");
  bool const other_site = boost::iequals(site, "cross-site") || boost::iequals(site, "same-site");
  if (!other_site && origin_allowed(exchange, allowed)) return std::nullopt;
  return refuse(403, "Requests of other web pages are refused.");
}

}  // namespace bridge
