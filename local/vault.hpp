#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/secret.hpp"
#include "local/documents.hpp"
#include "local/json.hpp"
#include "local/seal.hpp"

namespace bridge::local {

/// What a list of secrets is narrowed to.
struct VaultFilter {
  std::string owner;                  ///< whose vault
  std::string prefix;                 ///< of the key
  std::optional<std::string> origin;  ///< of a page that the secret is for
  std::optional<bool> has_totp;
};

/// Passwords and other secrets by key, "work/github". What is secret of them is sealed. Each
/// `owner`, a subaccount or "" for the organization, has a vault of its own.
class Vault {
 public:
  Vault(Database& database, Seal& seal) : documents_(database, "vault_secret"), seal_(seal) {}

  [[nodiscard]] Slice<Document> list(VaultFilter const& filter, Range range);
  [[nodiscard]] std::optional<Document> find(std::string_view owner, std::string_view key);

  /// Creates or replaces. `shown` and `hidden` are objects: `shown` has type, label, origins,
  /// originPatterns; `hidden` has username, password, totpSecret, value, notes, each where the
  /// secret has one. Returns what is kept now.
  Document put(std::string_view owner, std::string_view key, Json shown, Json const& hidden);
  /// False when there was none.
  bool remove(std::string_view owner, std::string_view key);

  /// What put() hid.
  [[nodiscard]] Json hidden_of(Document const& secret) const;
  /// What the secret stands for where one text is wanted, a webhook's bearer: the value, or the
  /// password of a login.
  [[nodiscard]] std::optional<Secret> text_of(std::string_view owner, std::string_view key);
  /// Every value, password and authenticator key of `owner`, for whom must not let one through.
  /// Those that cannot be read are logged and left out.
  [[nodiscard]] std::vector<std::string> all_texts(std::string_view owner);

 private:
  Documents documents_;
  Seal& seal_;
  Log log_{"local"};
};

/// What a secret shows beside its type.
inline constexpr std::array<char const*, 3> kVaultShown{"label", "origins", "originPatterns"};

/// The metadata of a secret: VaultSecret of the contract.
[[nodiscard]] Json vault_view(Document const& secret);

/// Why `key` cannot be one: 400 vault.invalid_key.
[[nodiscard]] std::optional<Problem> check_vault_key(std::string_view key);

}  // namespace bridge::local
