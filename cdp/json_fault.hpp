#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::cdp {

/// What Chrome's own parser says of text that is no JSON: "JSON: comma or map end expected at
/// position 8", its words and its positions (crdtp's json.cc, tried on Chromium 156). None when
/// that parser would take it. Slow and only for the error path.
[[nodiscard]] std::optional<std::string> json_fault(std::string_view text);

}  // namespace bridge::cdp
