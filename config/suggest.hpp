#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bridge::config {

/// The candidate that `word` is probably a misspelling of (at most two letters off); empty when
/// none is near.
[[nodiscard]] std::string_view nearest_word(std::string_view word,
                                            std::vector<std::string_view> const& candidates);

/// `text` in double quotes for an error: control characters escaped, long texts cut.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace bridge::config
