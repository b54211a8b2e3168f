#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/json.hpp"

namespace bridge::local {

/// What of a runtime's config changes how Chromium is started or how long it lives.
struct RuntimePlan {
  struct Viewport {
    int width = 0;
    int height = 0;
  };

  bool keep_profile = false;
  std::optional<Viewport> viewport;
  std::chrono::seconds idle_timeout{0};  ///< 0: never
  std::vector<std::string>
      not_applied;  ///< config keys that are stored and echoed, but do nothing here
};

/// Checks a BrowserRuntimeCreateConfig: the type of every field the contract names; others pass.
/// The problem names the field by its path, which begins with "config".
[[nodiscard]] std::optional<Problem> check_config(Json const& config);

/// `stored` is the text of a checked config.
[[nodiscard]] RuntimePlan plan_of(std::string_view stored);

/// The config as it is shown: `profile` always there, the proxy without its password.
[[nodiscard]] Json shown_config(std::string_view stored);

}  // namespace bridge::local
