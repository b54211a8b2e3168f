#include "local/traffic.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

// An address by numbers has no subdomains, and Chromium refuses a pattern that claims so.
bool is_numeric(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.:") == std::string_view::npos;
}

// An entry as wildcard addresses without a port where it names none.
std::vector<std::string> addresses_of(std::string_view entry) {
  if (entry.find("://") != std::string_view::npos) return {std::string(entry)};
  auto const slash = entry.find('/');
  std::string const host(entry.substr(0, slash));
  std::string const path(slash == std::string_view::npos ? "/*" : entry.substr(slash));
  if (host.starts_with('*') || is_numeric(host)) return {"*://" + host + path};
  return {"*://" + host + path, "*://*." + host + path};
}

/// Scheme, host, port and rest of an address or of a wildcard one.
struct Parts {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;
  std::string_view rest;
};

Parts split(std::string_view address) {
  Parts parts;
  auto const colon = address.find("://");
  if (colon == std::string_view::npos) return parts;
  parts.scheme = address.substr(0, colon);
  address.remove_prefix(colon + 3);
  auto const slash = address.find_first_of("/?#");
  auto authority = address.substr(0, slash);
  parts.rest = slash == std::string_view::npos ? std::string_view() : address.substr(slash);
  if (auto const at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  auto const port = authority.rfind(':');
  bool const has_port =
      port != std::string_view::npos && authority.find(']', port) == std::string_view::npos;
  parts.host = authority.substr(0, has_port ? port : std::string_view::npos);
  parts.port = has_port ? authority.substr(port + 1) : std::string_view();
  return parts;
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

bool matches(std::string_view address, std::string_view url) {
  auto const wanted = split(address);
  auto const is = split(url);
  auto const rest = wanted.rest.empty() ? std::string_view("/*") : wanted.rest;
  return matches_glob(wanted.scheme, is.scheme) && matches_glob(wanted.host, is.host) &&
         (wanted.port.empty() || matches_glob(wanted.port, is.port)) &&
         matches_glob(rest, is.rest.empty() ? "/" : is.rest);
}

bool on_list(std::vector<std::string> const& entries, std::string_view url) {
  return std::any_of(entries.begin(), entries.end(), [&](std::string const& entry) {
    auto const addresses = addresses_of(entry);
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](std::string const& one) { return matches(one, url); });
  });
}

// In the grammar of URLPattern, where more characters than * mean something.
std::string pattern_of(std::string_view address) {
  auto const parts = split(address);
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
  if (parts.rest.empty()) pattern += "/*";
  put(parts.rest);
  return pattern;
}

void put_patterns(Json& patterns, std::vector<std::string> const& entries, bool block) {
  for (auto const& entry : entries)
    for (auto const& address : addresses_of(entry))
      patterns.push_back(Json{{"urlPattern", pattern_of(address)}, {"block", block}});
}

}  // namespace

bool Traffic::admits(std::string_view url) const {
  if (url.find("://") == std::string_view::npos) return true;
  if (on_list(block, url)) return false;
  return allow.empty() || on_list(allow, url);
}

Json Traffic::blocked_urls() const {
  // Chromium takes the first pattern that fits.
  auto patterns = Json::array();
  put_patterns(patterns, block, true);
  put_patterns(patterns, allow, false);
  if (!allow.empty()) patterns.push_back(Json{{"urlPattern", "*://*:*/*"}, {"block", true}});
  return Json{{"urlPatterns", std::move(patterns)}};
}

Json Traffic::paused_requests() const {
  auto patterns = Json::array();
  auto const put = [&patterns](std::string const& type) {
    patterns.push_back(
        Json{{"urlPattern", "*"}, {"resourceType", type}, {"requestStage", "Request"}});
  };
  if (has_lists()) put("Document");
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
