#pragma once

#include <optional>
#include <string>

#include "local/json.hpp"

namespace bridge::local {

/// A JSON schema of a caller's, for what a model is to answer. Regular expressions in it are not
/// applied: an answer could exhaust the stack with them.
class OutputSchema {
 public:
  /// Call problem_of() first: a schema that it objects to must not get here.
  explicit OutputSchema(Json schema);

  /// What is wrong with a schema: a reference that leads nowhere or in a circle, members of a wrong
  /// type. None: it can be used.
  [[nodiscard]] static std::optional<std::string> problem_of(Json const& schema);

  /// In what `value` is not as the schema says; none when it is.
  [[nodiscard]] std::optional<std::string> mismatch(Json const& value) const;

 private:
  Json schema_;
};

}  // namespace bridge::local
