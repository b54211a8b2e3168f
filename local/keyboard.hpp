#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/json.hpp"

namespace bridge::local {

/// A key of a US keyboard, as Input.dispatchKeyEvent wants it.
struct Key {
  std::string key;   ///< "a", "Enter", "ArrowLeft"
  std::string code;  ///< "KeyA"
  int virtual_code = 0;
  std::string text;  ///< what it types; may be empty
};

/// By its name ("Enter", "ArrowLeft", "F5") or the one character that it types; none for a
/// character that this keyboard lacks.
[[nodiscard]] std::optional<Key> find_key(std::string_view name);

/// "Control+Shift+A": the last key, with those before it held down.
struct Chord {
  std::vector<Key> held;
  Key key;
  int modifiers = 0;  ///< as CDP adds them up
};
/// None when one of the names is unknown.
[[nodiscard]] std::optional<Chord> parse_chord(std::string_view text);

/// The parameters of Input.dispatchKeyEvent, in order, that press the chord and let it go.
[[nodiscard]] std::vector<Json> key_events(Chord const& chord);

}  // namespace bridge::local
