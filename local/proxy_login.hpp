#pragma once

#include <string>
#include <string_view>

#include "local/runtime_plan.hpp"

namespace bridge::local {

// What is said to a proxy that wants a name and a password. Pure.

/// The head of a request, up to and with its empty line, as such an HTTP proxy wants it. Anything
/// but a CONNECT is made the last request of its connection: the next one would come without the
/// password.
[[nodiscard]] std::string with_login(std::string_view head, RuntimePlan::Proxy const& proxy);

/// The head of a reply, made the last of its connection.
[[nodiscard]] std::string as_last_reply(std::string_view head);

[[nodiscard]] bool is_connect(std::string_view head);

/// RFC 1929: the message that follows when a SOCKS 5 proxy has chosen to be told. Neither part is
/// longer than 255 bytes.
[[nodiscard]] std::string socks_login(RuntimePlan::Proxy const& proxy);

}  // namespace bridge::local
