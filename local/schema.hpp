#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "local/json.hpp"

namespace bridge::local {

/// The first thing in which a value is not what its schema says.
struct Mismatch {
  std::string field;    ///< "config.proxy.port", "tools[2]"; empty: the value itself
  std::string message;  ///< "config.proxy.port must be a whole number."
};

/// What a check does not do for a schema that is not ours.
struct SchemaLimits {
  bool patterns = true;  ///< regular expressions are applied
  /// So many pairs of a value and a schema are looked at; with more, the value does not fit.
  std::size_t visits = std::numeric_limits<std::size_t>::max();
};

/// Holds JSON values against JSON schemas as the contract's use them: type, properties, required,
/// enum, const, minLength, maxLength, minimum, maximum, pattern, format uri and date-time, items,
/// $ref, allOf, anyOf, oneOf with a discriminator, additionalProperties as a schema. Unknown
/// properties are welcome, and ids may have any form: clients send more than the contract has.
class SchemaCheck {
 public:
  /// Longest text where the schema has no limit, in bytes.
  static constexpr std::size_t kTextMax = 256 * 1024;

  /// `resolve` finds the target of a $ref; it must be there.
  using Resolve = std::function<Json const&(std::string const& reference)>;
  explicit SchemaCheck(Resolve resolve, SchemaLimits limits = {})
      : resolve_(std::move(resolve)), limits_(limits) {}

  [[nodiscard]] std::optional<Mismatch> check(Json const& value, Json const& schema,
                                              std::string const& field = {}) const;

 private:
  [[nodiscard]] std::optional<Mismatch> check_text(Json const& value, Json const& schema,
                                                   std::string const& field) const;
  [[nodiscard]] std::optional<Mismatch> check_type(Json const& value, Json const& schema,
                                                   std::string const& field) const;
  [[nodiscard]] std::optional<Mismatch> check_object(Json const& value, Json const& schema,
                                                     std::string const& field) const;
  [[nodiscard]] std::optional<Mismatch> check_any(Json const& value, Json const& schema,
                                                  std::string const& field) const;
  [[nodiscard]] Json const& target(Json const& schema) const;

  Resolve resolve_;
  SchemaLimits limits_;
  mutable std::size_t visits_ = 0;
};

}  // namespace bridge::local
