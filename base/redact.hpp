#pragma once

#include <string>
#include <string_view>

namespace bridge::log {

/// `line` without what looks like a credential: bearer tokens, token= and its like, user and
/// password of URLs, path and query of ws and wss addresses. A /devtools/ address of this machine
/// is ours and stays readable. Knows patterns only; registered secrets are masked by redact().
[[nodiscard]] std::string mask_credentials(std::string_view line);

}  // namespace bridge::log
