#include "daemon/reaching.hpp"

#include <iostream>

#include "config/address.hpp"

namespace bridge {

Result<Reaching> make_reach(config::Api const& api, config::Env const& env) {
  Reaching out;
  net::TlsOptions options;
  options.ca_file = api.ca_file;
  auto tls = net::TlsContext::make(options);
  if (!tls) return tls.error();
  out.tls = std::move(*tls);
  auto proxies =
      api.proxy.empty() ? net::ProxySettings::from_env(env) : net::ProxySettings::fixed(api.proxy);
  if (!proxies) return proxies.error();
  out.reach.tls = out.tls.get();
  out.reach.proxies = std::move(*proxies);
  return out;
}

Result<config::ApiKey> find_configured_key(config::Loaded const& loaded, config::Env const& env) {
  auto const& api = loaded.config.api;
  config::KeySources sources;
  auto const by_flag = loaded.origins.of("api.key_file").kind == config::Origin::Kind::flag;
  (by_flag ? sources.flag_file : sources.file) = api.key_file;
  sources.base_url = api.base_url;
  sources.env = env;
  sources.input = &std::cin;
  auto key = config::find_api_key(sources);
  if (key || !key.error().is(Errc::not_found)) return key;
  auto const at = config::split_address(api.base_url);
  if (!at || !config::is_loopback(at->host)) return key;
  return config::ApiKey{.key = Secret(kKeylessKey),
                        .source = "nowhere: a local backend needs none"};
}

}  // namespace bridge
