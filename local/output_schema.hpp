#pragma once

#include <optional>
#include <string>

#include "local/json.hpp"

namespace bridge::local {

// A JSON schema of a caller's, for what a model is to answer. Regular expressions in it are not
// applied: an answer could exhaust the stack with them.

/// What is wrong with such a schema: a reference that leads nowhere or in a circle, members of a
/// wrong type. None: it can be used.
[[nodiscard]] std::optional<std::string> problem_of_schema(Json const& schema);

/// In what `value` is not as the schema says; none when it is. Only for a schema to which
/// problem_of_schema() does not object.
[[nodiscard]] std::optional<std::string> mismatch_of(Json const& value, Json const& schema);

}  // namespace bridge::local
