#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "local/errors.hpp"

namespace bridge::local {

using Json = nlohmann::json;

/// Deepest nesting a request body may have. Writing a document out recurses once per level.
inline constexpr std::size_t kJsonDepthMax = 64;

/// The JSON object of a request body; an empty body is an empty object.
/// 400 request.invalid for anything else, and for nesting above kJsonDepthMax.
[[nodiscard]] Outcome<Json> parse_object(std::string_view body);

/// Whether a text may have the comments of JavaScript.
enum class Comments { refused, taken };

/// Any JSON; none for what is not, and for nesting above kJsonDepthMax. For whatever a stranger has
/// written: the parser takes any depth, but to copy, write or compare what it made does not.
[[nodiscard]] std::optional<Json> parse_json(std::string_view text,
                                             Comments comments = Comments::refused);

/// One line. Text that is not UTF-8 (a percent-decoded id, say) is replaced, never thrown at.
[[nodiscard]] std::string to_text(Json const& value);

/// A reply with a JSON body.
[[nodiscard]] net::HttpReply json_reply(unsigned status, Json const& body);

}  // namespace bridge::local
