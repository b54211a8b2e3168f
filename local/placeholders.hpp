#pragma once

#include <string>
#include <vector>

#include "local/json.hpp"

namespace bridge::local {

// Values that a model may use without being told them: Stagehand's variables, written %name%, and
// browser-use's sensitiveData, written <secret>name</secret>, which may be bound to sites.

/// What a model needs to know about those of an invocation's body: names and descriptions. Empty
/// when there are none.
[[nodiscard]] std::string describe_placeholders(Json const& body);

/// `text` with the values put in that may be used in a document of `origin`, "https://bank.test".
[[nodiscard]] std::string fill_placeholders(std::string text, Json const& body,
                                            std::string const& origin);

/// The values themselves: nobody but the page they are typed into is to see them.
[[nodiscard]] std::vector<std::string> placeholder_values(Json const& body);

}  // namespace bridge::local
