#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "local/json.hpp"

namespace bridge::local {

/// Makes what went into a call and came out of it fit to be kept and shown: without secrets, and
/// no longer than it takes to see what it was.
class Redaction {
 public:
  static constexpr std::string_view kHidden = "[redacted]";
  static constexpr std::size_t kLongest = 16 * 1024;

  /// `secrets` are hidden wherever they stand, short ones only where they stand alone.
  explicit Redaction(std::vector<std::string> secrets);

  /// `value` with the secrets hidden, and what looks like one: members called password or token,
  /// bearer tokens, keys. Too long ones end as {truncated, bytes, beginning}.
  [[nodiscard]] Json shown(Json const& value) const;
  /// `value` with the secrets hidden and nothing else.
  [[nodiscard]] Json without_secrets(Json const& value) const;
  [[nodiscard]] std::string without_secrets(std::string text) const;
  /// {type, bytes, members?}: what kind of thing `value` is.
  [[nodiscard]] Json summary(Json const& value) const;

 private:
  [[nodiscard]] Json walk(Json const& value, bool guess) const;

  std::vector<std::string> secrets_;  // the longest first: one may begin with another
};

}  // namespace bridge::local
