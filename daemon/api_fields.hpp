#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace bridge {

/// One `-f name=value` or `-F name=value` of `bctrl-bridge api`, in the spelling of GitHub's CLI:
/// "a=1" a member, "a[b]=1" a member of a member, "a[]=1" the next item of a list.
struct ApiField {
  std::string text;    ///< as it was given
  bool typed = false;  ///< -F: true, false, null, numbers and @FILE are not strings
};

/// The fields as a JSON object. Errors name the field: no "=", brackets that do not close, a member
/// given twice, a member that is both a value and an object, a file that cannot be read.
[[nodiscard]] Result<std::string> fields_to_json(std::vector<ApiField> const& fields);

/// The fields behind `path`, "?a=1&b=2", after what it has there already; a list repeats its name.
/// The contract's queries have no objects: that is an error too.
[[nodiscard]] Result<std::string> fields_to_query(std::string path,
                                                  std::vector<ApiField> const& fields);

}  // namespace bridge
