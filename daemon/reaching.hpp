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

/// The key for the configured API, looked for where find_api_key() says.
[[nodiscard]] Result<config::ApiKey> find_configured_key(config::Loaded const& loaded,
                                                         config::Env const& env);

}  // namespace bridge
