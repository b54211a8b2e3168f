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
  std::string file;      ///< Config::api.key_file; "-" is `input`; empty: none was named
  std::string base_url;  ///< Config::api.base_url: a login must be for it, a local_ key must stay
                         ///< on this machine
  Env env;
  std::istream* input = nullptr;  ///< of whoever calls; read to its end for "-"
};

/// Looks in the named file, BCTRL_API_KEY, $CREDENTIALS_DIRECTORY/api-key (an empty one is none)
/// and the login that BCTRL's own CLI keeps in files, in this order. A named file must do; the
/// first of the others that has a key wins. Nothing is ever written or deleted. The error lists the
/// places looked at and the way out, and never holds a key. Blocks on the file system: call it
/// before the loop runs.
[[nodiscard]] Result<ApiKey> find_api_key(KeySources const& sources);

/// The file in which BCTRL's CLI keeps the key for a base URL: "bctrl-<24 hex digits>.secret".
[[nodiscard]] std::string login_secret_name(std::string_view base_url);

}  // namespace bridge::config
