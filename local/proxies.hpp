#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "local/documents.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/outside.hpp"
#include "local/seal.hpp"
#include "local/store.hpp"
#include "net/tunnel.hpp"

namespace bridge::local {

/// A proxy with all that it takes to use it.
struct SavedProxy {
  std::string protocol;  ///< "http" or "socks5"
  std::string host;
  std::uint16_t port = 0;
  std::string username;  ///< empty: none
  Secret password;
  bool resolves_here = false;  ///< dnsResolution is "local"

  [[nodiscard]] net::TunnelProxy tunnel() const;
};

/// The proxies that somebody brought along. Managed ones are the cloud's.
class Proxies {
 public:
  /// `test_target` is asked through a proxy that is tried, and answers with the address it sees.
  Proxies(Store& store, Seal& seal, Outside& outside, std::string test_target)
      : store_(store),
        seal_(seal),
        outside_(outside),
        test_target_(std::move(test_target)),
        all_(store.database(), "proxy") {}

  /// Scope: the subaccount, "" for the organization. Body: name, type, protocol, host, port,
  /// username, dnsResolution, and the sealed password, each where there is one.
  [[nodiscard]] Documents& all() { return all_; }

  /// Takes what `given` says of a proxy into `body`: null removes, url says several things at once.
  /// 400 proxy.invalid names the field.
  [[nodiscard]] std::optional<Problem> merge(std::string_view id, Json const& given, Json& body);

  /// What a runtime's config names; 404 proxy.not_found for what is not there, or another's. The
  /// organization, an `owner` of none, sees all.
  [[nodiscard]] Outcome<SavedProxy> find_proxy(std::string const& id,
                                               std::optional<std::string> const& owner);
  /// 404 as above for a config that names a proxy which `owner` cannot use, 403 local.unsupported
  /// for one that wants a managed proxy: it would go out without any.
  [[nodiscard]] std::optional<Problem> check_config(Json const& config,
                                                    std::optional<std::string> const& owner);
  [[nodiscard]] SavedProxy read(Document const& proxy) const;
  /// A runtime whose config names it.
  [[nodiscard]] std::optional<RuntimeId> user_of(std::string const& id);

  struct Trial {
    bool ok = false;
    std::string error;
    double seconds = 0;
    std::optional<unsigned> status;  ///< of what answered through it
    std::optional<std::string> exit_ip;
  };
  /// Goes through it for real.
  awaitable<Trial> try_out(SavedProxy proxy);

 private:
  awaitable<Result<net::HttpReply>> ask_through(SavedProxy proxy, net::Url target);

  Store& store_;
  Seal& seal_;
  Outside& outside_;
  std::string test_target_;
  Documents all_;
};

/// A custom proxy as the contract shows it.
[[nodiscard]] Json proxy_view(Document const& proxy);

}  // namespace bridge::local
