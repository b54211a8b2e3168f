#pragma once

#include <string>
#include <string_view>

namespace bridge::log {

/// `line` without what looks like a credential: bearer tokens, token= and its like, API keys, user
/// and password of URLs, path and query of ws and wss addresses. A /devtools/ address of this
/// machine is ours and stays readable. Knows patterns only; registered secrets are masked by
/// redact().
[[nodiscard]] std::string mask_credentials(std::string_view line);

/// sk_..., bctrl_... or local_..., and too long and too random for a name.
[[nodiscard]] bool looks_like_key(std::string_view word);

/// An address of which nothing is secret: no user, no path, no query.
[[nodiscard]] bool is_bare_address(std::string_view text);

}  // namespace bridge::log
