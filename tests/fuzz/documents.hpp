#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::fuzz {

/// nlohmann::json's opinion of a text.
struct Document {
  nlohmann::json value;
  std::vector<std::string> keys;  ///< of the top level, in order, repeated ones too
  bool repeated = false;
};

/// None when it is no JSON. Texts that the two parsers are known to see differently are not judged
/// at all: see is_judged().
std::optional<Document> parse(std::string_view text);

/// False for what Chrome and we refuse on purpose and nlohmann takes (nesting; not judged well before
/// the 300 that Chrome takes), or the other way round (bytes that are not UTF-8: those never pass the
/// WebSocket).
bool is_judged(std::string_view text);

/// nlohmann takes no lone surrogate, which Chrome and we do: U+FFFD for each half of a pair.
std::string without_surrogates(std::string_view text);

bool is_int32(nlohmann::json const& value);

}  // namespace bridge::fuzz
