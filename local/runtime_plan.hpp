#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/traffic.hpp"

namespace bridge::local {

/// What a runtime's config means for its Chromium: flags at the start, rules for its pages, how
/// long it lives. Made by plan_of(); RuntimesOptions::resolve then fills in what a config only
/// names.
struct RuntimePlan {
  struct Viewport {
    int width = 0;
    int height = 0;
  };
  struct Proxy {
    std::string protocol;  ///< http, socks5
    std::string host;
    std::uint16_t port = 0;
    std::string username;
    std::string password;  ///< never in argv, never printed

    [[nodiscard]] bool wants_login() const { return !username.empty() || !password.empty(); }
  };

  bool keep_profile = false;
  std::chrono::seconds idle_timeout{0};  ///< 0: never
  std::optional<Viewport> viewport;
  std::string user_agent;              ///< empty: Chromium's own
  std::vector<std::string> languages;  ///< the first is the locale
  std::string timezone;                ///< "Asia/Tokyo"; empty: the machine's
  std::optional<Proxy> proxy;
  bool proxied_webrtc_only = false;
  bool open_shadow_roots = false;
  Traffic traffic;

  // To be resolved. What stays unresolved is not applied.
  std::string saved_proxy;                 ///< id of a proxy that is to be put into `proxy`
  std::vector<std::string> extension_ids;  ///< whose directories are to be put into `extensions`
  std::vector<std::filesystem::path> extensions;  ///< unpacked, one for each id

  /// Keys of the config that are in effect, "fingerprint.viewport".
  [[nodiscard]] std::vector<std::string> applied() const;
  /// Those that are stored and echoed, but do nothing here.
  [[nodiscard]] std::vector<std::string> not_applied() const;

  std::vector<std::string> without_effect;  ///< known to do nothing, whatever is resolved
  std::vector<std::string> with_effect;     ///< known to be in effect
  /// What Chromium did not take after all, and its words.
  std::map<std::string, std::string> refused;
};

/// `stored` is the text of a checked config.
[[nodiscard]] RuntimePlan plan_of(std::string_view stored);

/// What read_proxy_address() reads, as a plan has it.
[[nodiscard]] std::optional<RuntimePlan::Proxy> parse_proxy(std::string_view text);

}  // namespace bridge::local
