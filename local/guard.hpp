#pragma once

#include <optional>

#include "local/errors.hpp"
#include "net/http_message.hpp"

namespace bridge::local {

/// Refuses what a web page could cause: a name that resolves to us but is not ours (DNS rebinding),
/// and any request that carries another page's Origin. 403; none when the request may go on.
[[nodiscard]] std::optional<Problem> check_sender(net::HttpRequest const& request);

/// The key of Authorization; 401 auth.required or auth.invalid unless it is a local one ("local_").
[[nodiscard]] Outcome<std::string_view> read_key(net::HttpRequest const& request);

}  // namespace bridge::local
