#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::cdp {

/// Follows a JSON object that passes in pieces, and knows how it could end at any byte: so that a
/// message whose rest will never come is still one for its reader. Sound for valid JSON; strings,
/// of which large messages are made, cost next to nothing.
///
///                  {            "              "         :          value
///   value ──────────> key ─────────> string ───────> colon ─────────────> value, next
///                      ^                                                    │
///                      └──────────────────── , in an object ────────────────┘
class JsonEnding {
 public:
  /// Deeper than this it cannot be ended.
  static constexpr std::size_t kDepthMax = 256;

  void pass(std::string_view piece);

  /// What closes all that is open, with `member` (`"name":value`) as the last one of the outermost
  /// object. None: too deep, or nothing is open.
  [[nodiscard]] std::optional<std::string> end_with(std::string_view member) const;

 private:
  /// What comes next, or what we are in.
  enum class In : std::uint8_t { value, key, colon, next, string, escape, unicode, number, word };

  void take(char c);
  void take_string(char const*& at, char const* end);
  void begin_value(char c);
  void open(bool object);
  void close();
  [[nodiscard]] std::string rest_of_unicode() const;
  [[nodiscard]] bool in_object() const { return depth_ > 0 && objects_[slot()]; }
  [[nodiscard]] std::size_t slot() const { return depth_ < kDepthMax ? depth_ : 0; }

  In in_ = In::value;
  std::bitset<kDepthMax> objects_;  // by depth; the others are arrays
  std::size_t depth_ = 0;
  bool in_key_ = false;
  unsigned digits_left_ = 0;      // of \u
  unsigned unit_ = 0;             // what its digits say so far
  bool needs_low_ = false;        // the first half of a surrogate pair is there
  std::string_view word_left_;    // of true, false, null
  bool number_is_whole_ = false;  // its last byte is a digit
  std::string last_bytes_;        // of a string: UTF-8 may be cut
};

}  // namespace bridge::cdp
