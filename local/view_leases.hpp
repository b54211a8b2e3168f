#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/secret.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// What an address that was handed out opens, and for how long.
struct ViewLease {
  enum class Kind { live, recording };
  Kind kind = Kind::live;
  RunId run;
  bool input = false;  ///< whoever opens it may drive
  Timestamp expires;
};

/// The addresses under which runs can be watched. Each has a token of its own that nobody can
/// guess; the tokens themselves are not kept.
class ViewLeases {
 public:
  static constexpr std::size_t kMax = 10'000;

  /// The token of a new address. None: kMax of them have not expired.
  [[nodiscard]] std::optional<Secret> add(ViewLease lease, Timestamp when);
  /// None for one that is unknown or has expired: nobody is told which.
  [[nodiscard]] std::optional<ViewLease> find(std::string_view token, Timestamp when) const;

 private:
  std::map<std::string, ViewLease> leases_;  // by the token's SHA-256
};

}  // namespace bridge::local
