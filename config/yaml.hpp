#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace bridge::config::yaml {

/// Line and column in the text, counted from 1; columns count bytes.
struct Place {
  int line = 1;
  int column = 1;
};

/// One value of a YAML text and where it stands. A tree without aliases, so its size is bounded by
/// the text's.
struct Value {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  Place place;        ///< of a null: its key's
  std::string text;   ///< of a scalar, as YAML reads it
  bool plain = true;  ///< a scalar without quotes: it may mean a number or a boolean
  std::string key;    ///< of a map's child
  Place key_place;
  std::vector<Value> children;  ///< of a list or map, in the text's order; keys of a map are unique
};

/// Reads one YAML document. Nothing when the text cannot be read at all; some problems (a key given
/// twice, an anchor, a tag) still leave a tree, so that they are reported together with the others.
/// An empty text is a null. Refused: invalid UTF-8, control characters, several documents, aliases,
/// anchors, tags, keys that are not words, nesting past 32. yaml-cpp would take most of these
/// silently. `file` names the text in problems.
[[nodiscard]] std::optional<Value> parse(std::string_view text, std::string const& file,
                                         Problems& problems);

}  // namespace bridge::config::yaml
