#pragma once

#include <string>
#include <string_view>

namespace bridge {

/// `& < > " '` as entities, as Chrome's base::EscapeForHTML does.
[[nodiscard]] std::string html_escape(std::string_view text);

}  // namespace bridge
