#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace bridge {

/// Text that must not be printed: an API key, a connectUrl. Formatting yields a mask; reveal() is
/// for the wire only. Making one also tells the log sink, which then masks the text wherever it
/// would appear (base/log.hpp).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text);

  [[nodiscard]] std::string const& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// "***" and the last four characters when the text is long enough that these say nothing.
  [[nodiscard]] std::string masked() const;

  friend bool operator==(Secret const&, Secret const&) = default;

 private:
  std::string text_;
};

}  // namespace bridge

template <>
struct fmt::formatter<bridge::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(bridge::Secret const& secret, Context& context) const {
    return fmt::formatter<std::string_view>::format(secret.masked(), context);
  }
};
