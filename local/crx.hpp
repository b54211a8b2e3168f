#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::local {

/// A packed extension whose signature is right.
struct Crx {
  std::string_view zip;    ///< into what was read
  std::string public_key;  ///< DER; Chromium makes the extension's id of it
};

/// Reads a CRX of version 2 or 3. bad_message for anything else, and for a wrong signature.
[[nodiscard]] Result<Crx> read_crx(std::string_view bytes);

}  // namespace bridge::local
