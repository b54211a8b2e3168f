#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/sqlite.hpp"

namespace bridge::local {

/// Encrypts secrets before they go into the database: AES-256-GCM under one key of this state. The
/// key is in a file beside the database, readable by us only, so that a copy of the database alone
/// tells nothing. It is made when the first secret comes.
class Seal {
 public:
  static constexpr char const* kKeyFile = "seal.key";

  /// `directory` is where `database` lives; none: both are in memory. An error when something is
  /// sealed already and the key is missing, is another one, or is open to others: to go on would be
  /// to lose the secrets.
  [[nodiscard]] static Result<std::unique_ptr<Seal>> open(
      Database& database, std::optional<std::filesystem::path> const& directory);
  ~Seal();

  /// `owner` says whose secret it is, "vault:github": unseal() takes it under that name only, so
  /// that rows of the database cannot change places. Throws StoreFailure when the first key cannot
  /// be written.
  [[nodiscard]] std::string seal(std::string_view plain, std::string_view owner);
  /// Throws StoreFailure for what seal() did not make for this owner.
  [[nodiscard]] std::string unseal(std::string_view sealed, std::string_view owner) const;

 private:
  Seal(Database& database, std::optional<std::filesystem::path> directory);
  [[nodiscard]] std::string first_key();

  Database& database_;
  std::optional<std::filesystem::path> directory_;
  std::string key_;  // empty: nothing was sealed yet
};

}  // namespace bridge::local
