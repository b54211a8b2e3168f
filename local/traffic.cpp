#include "local/traffic.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "local/punycode.hpp"

namespace bridge::local {
namespace {

constexpr std::string_view kExtensions = "chrome-extension";

// An address by numbers has no subdomains, and Chromium refuses a pattern that claims so.
bool is_numeric(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.:") == std::string_view::npos;
}

/// Scheme, host, port and rest of an address or of a wildcard one, as Chromium writes them.
struct Parts {
  std::string scheme;
  std::string host;
  std::string port;  ///< of an entry: empty for any
  std::string rest;  ///< path and query
};

struct DefaultPort {
  std::string_view scheme;
  std::string_view port;
};
constexpr std::array kDefaultPorts{DefaultPort{"http", "80"}, DefaultPort{"https", "443"},
                                   DefaultPort{"ws", "80"}, DefaultPort{"wss", "443"}};

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

std::string scheme_of(std::string_view url) {
  return lower(url.substr(0, url.find(':')));
}

Parts split(std::string_view address) {
  Parts parts;
  auto const colon = address.find("://");
  if (colon == std::string_view::npos) return parts;
  parts.scheme = lower(address.substr(0, colon));
  address.remove_prefix(colon + 3);
  address = address.substr(0, address.find('#'));
  auto const slash = address.find_first_of("/?");
  auto authority = address.substr(0, slash);
  parts.rest = slash == std::string_view::npos ? std::string_view() : address.substr(slash);
  if (parts.rest.starts_with('?')) parts.rest.insert(0, "/");
  if (auto const at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  auto const port = authority.rfind(':');
  bool const has_port =
      port != std::string_view::npos && authority.find(']', port) == std::string_view::npos;
  parts.host = canonical_host(authority.substr(0, has_port ? port : std::string_view::npos));
  if (has_port) parts.port = authority.substr(port + 1);
  return parts;
}

// An entry as wildcard addresses without a port where it names none.
std::vector<Parts> addresses_of(std::string_view entry) {
  bool const whole = entry.find("://") != std::string_view::npos;
  auto address = split(whole ? std::string(entry) : "*://" + std::string(entry));
  if (address.rest.empty()) address.rest = "/*";
  std::vector<Parts> all{address};
  if (whole || address.host.starts_with('*') || is_numeric(address.host)) return all;
  address.host.insert(0, "*.");
  all.push_back(std::move(address));
  return all;
}

// `*` stands for any characters, none included.
bool matches_glob(std::string_view glob, std::string_view text) {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

// An address names its port or has the one of its scheme.
std::string_view port_of(Parts const& url) {
  if (!url.port.empty()) return url.port;
  for (auto const& known : kDefaultPorts)
    if (known.scheme == url.scheme) return known.port;
  return {};
}

// What says nothing of a query means every query, as in Chromium's patterns.
bool matches(Parts const& wanted, Parts const& url) {
  std::string_view rest = url.rest.empty() ? "/" : std::string_view(url.rest);
  if (wanted.rest.find('?') == std::string::npos) rest = rest.substr(0, rest.find('?'));
  return matches_glob(wanted.scheme, url.scheme) && matches_glob(wanted.host, url.host) &&
         (wanted.port.empty() || matches_glob(wanted.port, port_of(url))) &&
         matches_glob(wanted.rest, rest);
}

bool on_list(std::vector<std::string> const& entries, Parts const& url) {
  return std::any_of(entries.begin(), entries.end(), [&](std::string const& entry) {
    auto const addresses = addresses_of(entry);
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](Parts const& one) { return matches(one, url); });
  });
}

// In the grammar of URLPattern, where more characters than * mean something.
std::string pattern_of(Parts const& parts) {
  std::string pattern;
  auto const put = [&pattern](std::string_view text) {
    for (char const c : text) {
      if (std::string_view("?+(){}:\\").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
  };
  put(parts.scheme);
  pattern += "://";
  put(parts.host);
  pattern += ':';
  pattern += parts.port.empty() ? "*" : parts.port;
  put(parts.rest);
  return pattern;
}

void put_patterns(Json& patterns, std::vector<std::string> const& entries, bool block) {
  auto const put = [&](Parts const& address) {
    patterns.push_back(Json{{"urlPattern", pattern_of(address)}, {"block", block}});
  };
  for (auto const& entry : entries)
    for (auto const& address : addresses_of(entry)) {
      put(address);
      // To Chromium an address at its scheme's own port has none: only a pattern that names the
      // scheme means that one, too.
      for (auto const& known : kDefaultPorts) {
        if (address.port != known.port || address.scheme.find('*') == std::string::npos) continue;
        auto named = address;
        named.scheme = known.scheme;
        if (matches_glob(address.scheme, known.scheme)) put(named);
      }
    }
}

}  // namespace

bool Traffic::admits(std::string_view url) const {
  auto const scheme = scheme_of(url);
  if (scheme == "blob" || scheme == kExtensions || url.find("://") == std::string_view::npos)
    return true;
  auto const parts = split(url);
  if (on_list(block, parts)) return false;
  return allow.empty() || on_list(allow, parts);
}

Json Traffic::blocked_urls() const {
  // Chromium takes the first pattern that fits.
  auto patterns = Json::array();
  put_patterns(patterns, block, true);
  put_patterns(patterns, allow, false);
  if (!allow.empty()) {
    patterns.push_back(
        Json{{"urlPattern", std::string(kExtensions) + "://*:*/*"}, {"block", false}});
    patterns.push_back(Json{{"urlPattern", "*://*:*/*"}, {"block", true}});
  }
  return Json{{"urlPatterns", std::move(patterns)}};
}

Json Traffic::paused_requests() const {
  auto patterns = Json::array();
  auto const put = [&patterns](std::string const& type) {
    patterns.push_back(
        Json{{"urlPattern", "*"}, {"resourceType", type}, {"requestStage", "Request"}});
  };
  put("Document");
  for (auto const& type : resource_types) put(type);
  return Json{{"patterns", std::move(patterns)}};
}

std::vector<std::string> resource_types_of(std::string_view name) {
  if (name == "media") return {"Media"};
  if (name == "texttrack") return {"TextTrack"};
  if (name == "font") return {"Font"};
  if (name == "image") return {"Image"};
  if (name == "prefetch") return {"Prefetch"};
  return {"Ping"};  // ping and beacon are one to Chromium
}

std::vector<std::string> const& ad_hosts() {
  static std::vector<std::string> const hosts{
      "doubleclick.net",
      "googlesyndication.com",
      "googleadservices.com",
      "adnxs.com",
      "adsrvr.org",
      "amazon-adsystem.com",
      "criteo.com",
      "criteo.net",
      "taboola.com",
      "outbrain.com",
      "rubiconproject.com",
      "pubmatic.com",
      "openx.net",
      "casalemedia.com",
      "smartadserver.com",
      "adform.net",
      "teads.tv",
      "moatads.com",
      "media.net",
      "indexww.com",
      "yieldmo.com",
      "sharethrough.com",
      "adcolony.com",
      "unityads.unity3d.com",
      "ads.yahoo.com",
      "ads.linkedin.com",
      "ads.twitter.com",
      "ads.pinterest.com",
      "static.ads-twitter.com",
      "bidswitch.net",
      "3lift.com",
      "gumgum.com",
  };
  return hosts;
}

std::vector<std::string> const& tracker_hosts() {
  static std::vector<std::string> const hosts{
      "google-analytics.com",
      "googletagmanager.com",
      "analytics.google.com",
      "hotjar.com",
      "segment.io",
      "segment.com",
      "mixpanel.com",
      "amplitude.com",
      "fullstory.com",
      "mouseflow.com",
      "clarity.ms",
      "scorecardresearch.com",
      "quantserve.com",
      "connect.facebook.net",
      "bat.bing.com",
      "snap.licdn.com",
      "analytics.tiktok.com",
      "nr-data.net",
      "newrelic.com",
      "chartbeat.com",
      "chartbeat.net",
      "crazyegg.com",
      "optimizely.com",
      "demdex.net",
      "omtrdc.net",
      "everesttech.net",
      "bluekai.com",
      "krxd.net",
      "heap.io",
      "heapanalytics.com",
      "matomo.cloud",
      "plausible.io",
  };
  return hosts;
}

}  // namespace bridge::local
