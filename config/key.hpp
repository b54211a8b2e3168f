#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "config/env.hpp"

namespace bridge::config {

/// The key of the REST API and where it was found, a phrase to print: "environment BCTRL_API_KEY",
/// "file /x", "standard input", "systemd credential api-key", "BCTRL CLI login".
struct ApiKey {
  Secret key;
  std::string source;
};

struct KeySources {
  std::string flag_file;  ///< --api-key-file; "-" is `input`; empty: not given
  std::string file;       ///< api.key_file of the configuration; empty: none
  std::string base_url;   ///< Config::api.base_url: a login must be for it, a local_ key must stay
                          ///< on this machine
  Env env;
  std::istream* input = nullptr;  ///< of whoever calls; read to its end for "-"
};

/// Looks in the file of the flag, BCTRL_API_KEY, the file of the configuration,
/// $CREDENTIALS_DIRECTORY/api-key (an empty one is none) and the login that BCTRL's own CLI keeps
/// in files, in this order. The first that has a key wins, and a named file must have one. Nothing
/// is ever written or deleted. The error lists the places looked at and the way out, and never
/// holds a key. Blocks on the file system: call it before the loop runs.
[[nodiscard]] Result<ApiKey> find_api_key(KeySources const& sources);

/// $CREDENTIALS_DIRECTORY/api-key when that is there and not blank, else empty: systemd handed a
/// key over.
[[nodiscard]] std::string credential_file(Env const& env);

/// The file in which BCTRL's CLI keeps the key for a base URL: "bctrl-<24 hex digits>.secret".
[[nodiscard]] std::string login_secret_name(std::string_view base_url);

}  // namespace bridge::config
