#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "local/documents.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/store.hpp"

namespace bridge::local {

/// On whose behalf a request is made.
struct Caller {
  std::string key;                        ///< id of the API key
  std::optional<std::string> subaccount;  ///< none: the organization, which sees everything

  [[nodiscard]] bool may_see(std::optional<std::string> const& owner) const {
    return !subaccount || subaccount == owner;
  }
};

/// The one organization of a local backend, its subaccounts and the API keys that were made here.
/// Every key that begins with "local_" is the organization's, so that nobody has to make one first;
/// those made here begin with kMadeKey, are kept as hashes only, and end when they are deleted.
class Accounts {
 public:
  static constexpr std::string_view kOrganization = "org_local";
  static constexpr std::string_view kAnyKey = "key_local";
  static constexpr std::string_view kMadeKey = "local_sk_";

  explicit Accounts(Store& store);

  /// Who calls: by Authorization, and for whom by BCTRL-Subaccount-Id. 401 auth.required or
  /// auth.invalid; 403 auth.forbidden for a subaccount that is archived or not the key's own; 404
  /// subaccount.not_found.
  [[nodiscard]] Outcome<Caller> identify(net::HttpRequest const& request, Timestamp when);

  /// Bodies as the contract shows them, but for what is computed.
  [[nodiscard]] Documents& keys() { return keys_; }
  [[nodiscard]] Documents& subaccounts() { return subaccounts_; }

  struct MadeKey {
    Document key;
    Secret secret;  ///< shown once
  };
  [[nodiscard]] MadeKey make_key(Json const& body, Timestamp when);
  /// The key as the contract shows it, with how it was used.
  [[nodiscard]] Json key_view(Document const& key) const;
  bool remove_key(std::string_view id);

  [[nodiscard]] SpaceId default_space(Caller const& caller);

  /// 402 when the subaccount of the runtime's space runs as many as it may; `starting` are the
  /// spaces of runtimes that do not count as active yet.
  [[nodiscard]] std::optional<Problem> check_active_limit(Runtime const& runtime,
                                                          std::vector<SpaceId> const& starting);
  /// 402 when the subaccount has as many spaces as it may.
  [[nodiscard]] std::optional<Problem> check_space_limit(Caller const& caller);

 private:
  struct Use {
    std::int64_t count = 0;
    Timestamp last{};
  };
  [[nodiscard]] std::optional<std::int64_t> limit_of(std::string_view subaccount,
                                                     std::string_view limit);

  Store& store_;
  Documents keys_;
  Documents subaccounts_;
  std::map<std::string, Use, std::less<>> uses_;  // since we began; not worth a write each
};

}  // namespace bridge::local
