#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "local/accounts.hpp"
#include "local/documents.hpp"
#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/outside.hpp"
#include "local/store.hpp"
#include "net/disk.hpp"

namespace bridge::local {

/// Browser extensions: a document each, and its files unpacked in a directory of its own.
class Extensions {
 public:
  static constexpr std::uint64_t kPackageMax = 128ULL << 20;

  /// Removes what a crash has left unpacked.
  Extensions(Store& store, net::Disk& disk, Outside& outside, std::filesystem::path directory);

  [[nodiscard]] Documents& rows() { return rows_; }

  /// Where a package is from and what it is to be called.
  struct Origin {
    std::optional<std::string> subaccount;  ///< whose it will be
    std::optional<std::string> name;        ///< else that of its manifest
    std::optional<std::string> url;         ///< none: an upload
  };
  /// Unpacks a CRX, or the ZIP of an extension. 400 browser_extension.invalid_package.
  awaitable<Outcome<Document>> install(std::string package, Origin origin);
  /// Loads the package at `url`. 400 browser_extension.invalid_package when there is none, 503
  /// browser_extension.source_unavailable when its server does not answer.
  awaitable<Outcome<std::string>> load(std::string url);
  void remove(std::string_view id);

  /// One that is the caller's; 404 browser_extension.not_found.
  [[nodiscard]] Outcome<Document> find(Caller const& caller, std::string const& id);
  /// 404 for the first id of a runtime's config that is not the caller's.
  [[nodiscard]] std::optional<Problem> check_config(Json const& config, Caller const& caller);
  /// How many runtimes have it in their config.
  [[nodiscard]] std::int64_t count_users(std::string_view id);
  [[nodiscard]] Json view(Document const& extension);

  /// Where the files of these are, for --load-extension; what is not there is left out.
  [[nodiscard]] std::vector<std::filesystem::path> directories(std::vector<std::string> const& ids);

 private:
  Store& store_;
  net::Disk& disk_;
  Outside& outside_;
  Log log_{"local extensions"};
  std::filesystem::path directory_;
  Documents rows_;
};

}  // namespace bridge::local
