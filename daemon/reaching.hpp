#pragma once

#include <memory>

#include "config/key.hpp"
#include "config/load.hpp"
#include "net/http_client.hpp"

namespace bridge {

/// How this process reaches other hosts, as configured. `reach` points into `tls`.
struct Reaching {
  std::unique_ptr<net::TlsContext> tls;
  net::Reach reach;
};
/// An error when the CA file cannot be read or a proxy is no URL.
[[nodiscard]] Result<Reaching> make_reach(config::Api const& api, config::Env const& env);

/// What we show where there is no key: a local backend takes any of this sort, and nobody else one.
inline constexpr char const* kKeylessKey = "local_command_line";

/// The key for the configured API, looked for where find_api_key() says. Where there is none,
/// an address of this machine gets kKeylessKey.
[[nodiscard]] Result<config::ApiKey> find_configured_key(config::Loaded const& loaded,
                                                         config::Env const& env);

}  // namespace bridge
