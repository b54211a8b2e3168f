#include "daemon/guard.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/http_request_reader.hpp"
#include "tests/fakes/chunks.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/names.hpp"

namespace bridge::fuzz {
namespace {

constexpr std::size_t kHeaderMax = 2000;
constexpr std::size_t kBodyMax = 500;
constexpr std::string_view kHere = "127.0.0.1:9222";
constexpr std::string_view kListedHost = "tool.test";
constexpr std::string_view kListedOrigin = "https://tool.test";

awaitable<void> read_one(net::HttpRequestReader& reader, std::optional<net::HttpRequest>& out) {
  net::HttpRequestReader::Plan const plan = [](net::HttpRequest const&) { return net::BodyPlan(); };
  auto const begun = co_await reader.wait_for_first_byte();
  if (!begun) co_return;
  auto request = co_await reader.read(plan);
  if (request) out = std::move(*request);
}

std::vector<std::string> all_of_header(net::HttpRequest const& request, std::string_view name) {
  std::vector<std::string> out;
  for (auto const& [key, value] : request.headers)
    if (lower(key) == lower(name)) out.push_back(lower(value));
  return out;
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text.empty() || std::stoul(std::string(text)) <= 65535);
}

/// The rule for Host once more: a name of this machine or the listed one, and a port at most.
bool is_good_host(std::string const& authority) {
  if (authority.empty()) return true;
  auto const end = authority.starts_with('[') ? authority.find(']') : std::string::npos;
  auto const colon = authority.find(':', end == std::string::npos ? 0 : end);
  auto host = authority.substr(0, colon);
  if (colon != std::string::npos && !is_port(std::string_view(authority).substr(colon + 1)))
    return false;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host == kListedHost || names_this_machine(host);
}

bool is_good_origin(std::string origin) {
  if (origin.ends_with('/')) origin.pop_back();
  return origin == "http://" + std::string(kHere) || origin == kListedOrigin;
}

}  // namespace

void check_guard(std::string_view bytes) {
  net::Loop loop;
  std::optional<net::HttpRequest> request;
  std::unique_ptr<net::SocketStream> stream =
      std::make_unique<test::Chunks>(std::deque<std::string>{std::string(bytes)});
  net::HttpRequestReader reader(*stream, kHeaderMax, kBodyMax);
  test::run(loop, read_one(reader, request));
  if (!request) return;
  auto const hosts = all_of_header(*request, "Host");
  auto const origins = all_of_header(*request, "Origin");
  auto const sites = all_of_header(*request, "Sec-Fetch-Site");
  net::HttpExchange const exchange(loop, stream, reader, std::move(*request), std::string(kHere),
                                   {});
  std::vector<std::string> const listed_hosts{std::string(kListedHost)};
  std::vector<std::string> const listed_origins{std::string(kListedOrigin)};

  bool const host_passes = !check_host(exchange, listed_hosts);
  require(!host_passes || hosts.size() <= 1, "one Host at most");
  require(!host_passes || hosts.empty() || is_good_host(hosts[0]), "no foreign Host");
  if (!check_host(exchange, {}))
    require(hosts.empty() || !hosts[0].starts_with(kListedHost), "only what is listed");

  bool const good_origin = std::all_of(origins.begin(), origins.end(), is_good_origin);
  bool const origin_passes = !check_origin(exchange, listed_origins);
  require(!origin_passes || good_origin, "no foreign Origin");
  require(origin_passes || !origins.empty(), "no Origin is a good one");
  require(origin_passes || origins.size() > 1 || !good_origin, "a good Origin passes");

  bool const other_site = std::any_of(sites.begin(), sites.end(), [](std::string const& site) {
    return site == "cross-site" || site == "same-site";
  });
  if (!check_not_forged(exchange, listed_origins))
    require(good_origin && !other_site, "no page of another site");
}

}  // namespace bridge::fuzz
