#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bridge::cdp {

/// How deep inside a member of the message a value may stand for Chrome's own parser ("JSON: stack
/// limit exceeded" beyond it).
inline constexpr int kMaxDepth = 300;

/// One member of an object, as byte ranges of the scanned text: nothing is copied or decoded.
struct JsonMember {
  std::string_view key;    ///< between the quotes, escapes as written
  std::string_view value;  ///< the whole value, quotes included
  std::size_t begin = 0;   ///< of the key's opening quote
  std::size_t value_begin = 0;
  std::size_t value_end = 0;

  /// Whether the key, its escapes decoded, is `name`.
  [[nodiscard]] bool is(std::string_view name) const;
};

/// Walks the members of one JSON object and checks the syntax of everything it passes (RFC 8259),
/// without building a document. Lone surrogates and number forms survive because no value is
/// decoded.
class JsonObjectScan {
 public:
  /// `at` is where the object's "{" stands.
  JsonObjectScan(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  /// The next member; false at the end or at an error.
  [[nodiscard]] bool next(JsonMember& out);
  [[nodiscard]] bool failed() const { return failed_; }
  /// Where the scan stands: behind the "}" after the last member, at the offending byte after an
  /// error.
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  bool fail(std::size_t at);

  std::string_view text_;
  std::size_t at_;
  bool first_ = true;
  bool failed_ = false;
};

/// Has no quote, backslash or control character: within a string it stands for itself.
[[nodiscard]] bool is_plain(std::string_view text);

[[nodiscard]] std::size_t skip_space(std::string_view text, std::size_t at);

/// Behind the value that begins at `at`; npos when it is not valid JSON, `bad_at` says where then.
[[nodiscard]] std::size_t skip_value(std::string_view text, std::size_t at, std::size_t& bad_at);

/// The value of member `key` of the object that `object` holds, raw. First one wins; none on bad
/// syntax before it.
[[nodiscard]] std::optional<std::string_view> find_member(std::string_view object,
                                                          std::string_view key);

/// The text of a raw JSON string, quotes included in `raw`. A lone surrogate becomes U+FFFD. Empty
/// for non-strings.
[[nodiscard]] std::string decode_string(std::string_view raw);
/// The same for what stands between the quotes.
[[nodiscard]] std::string decode_escapes(std::string_view inside);

/// `text` as a JSON string with quotes.
[[nodiscard]] std::string encode_string(std::string_view text);

}  // namespace bridge::cdp
