#pragma once

#include <string>

#include "local/json.hpp"

namespace bridge::local {

// Values that a model may use without being told them: Stagehand's variables, written %name%, and
// browser-use's sensitiveData, written <secret>name</secret>, which may be bound to hosts.

/// What a model needs to know about those of an invocation's body: names and descriptions. Empty
/// when there are none.
[[nodiscard]] std::string describe_placeholders(Json const& body);

/// `text` with the values put in that may be used on a page of `host`.
[[nodiscard]] std::string fill_placeholders(std::string text, Json const& body,
                                            std::string const& host);

}  // namespace bridge::local
