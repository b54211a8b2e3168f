#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "local/timestamp.hpp"

namespace bridge::local {

/// What an authenticator keeps of one account (RFC 6238).
struct Totp {
  enum class Hash { sha1, sha256, sha512 };

  std::string key;  ///< bytes
  Hash hash = Hash::sha1;
  int digits = 6;
  std::chrono::seconds period{30};
};

/// Reads what sites show beside their QR code: the key in base32, whatever its case, spaces and
/// padding, or the whole otpauth://totp/ address. None when it is neither.
[[nodiscard]] std::optional<Totp> read_totp(std::string_view text);

/// The code of the moment `when`.
[[nodiscard]] std::string totp_code(Totp const& totp, Timestamp when);

}  // namespace bridge::local
