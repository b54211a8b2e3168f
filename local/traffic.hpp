#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/json.hpp"

namespace bridge::local {

/// Which requests a runtime's pages may make: networkTraffic of its config.
///
/// An entry of a list is an address with wildcards, "https://example.com/ads/*", or a host,
/// "example.com", which stands for its subdomains, too. One without a query means every query. A
/// block wins over an allow; with an allow list, what is on no list is blocked. Addresses without a
/// host (data:, about:, blob:) and those of extensions pass.
struct Traffic {
  std::vector<std::string> allow;
  std::vector<std::string> block;
  std::vector<std::string> resource_types;  ///< CDP's: "Image", "Font"

  [[nodiscard]] bool has_lists() const { return !allow.empty() || !block.empty(); }
  [[nodiscard]] bool restricts() const { return has_lists() || !resource_types.empty(); }

  /// Whether a page may be opened at `url`.
  [[nodiscard]] bool admits(std::string_view url) const;

  /// Params of Network.setBlockedURLs, which Chromium enforces by itself for everything but
  /// documents.
  [[nodiscard]] Json blocked_urls() const;
  /// Params of Fetch.enable: pauses documents and the blocked types, nothing else, so that no other
  /// request waits for us.
  [[nodiscard]] Json paused_requests() const;
};

/// The resource types of CDP that one of the contract's stands for: media, texttrack, font, image,
/// ping, prefetch, beacon.
[[nodiscard]] std::vector<std::string> resource_types_of(std::string_view name);

/// Hosts of advertising and of tracking networks that are blocked by blockAds and blockTrackers.
[[nodiscard]] std::vector<std::string> const& ad_hosts();
[[nodiscard]] std::vector<std::string> const& tracker_hosts();

}  // namespace bridge::local
