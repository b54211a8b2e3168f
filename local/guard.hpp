#pragma once

#include <optional>

#include "local/errors.hpp"
#include "net/http_message.hpp"

namespace bridge::local {

/// Refuses what a web page could cause: a name that resolves to us but is not ours (DNS rebinding),
/// and any request that carries another page's Origin. 403; none when the request may go on.
[[nodiscard]] std::optional<Problem> check_sender(net::HttpRequest const& request);

/// 401 auth.required or auth.invalid unless `request` carries a local key ("local_...").
[[nodiscard]] std::optional<Problem> check_key(net::HttpRequest const& request);

}  // namespace bridge::local
