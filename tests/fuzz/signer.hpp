#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bridge::fuzz {

/// Signs packages of extensions, with keys on a curve: a hundred times as fast as RSA's. The keys
/// are new in each process, which changes nothing but the bytes of keys and signatures.
class Signer {
 public:
  Signer();
  [[nodiscard]] std::string const& public_key() const { return public_key_; }  ///< DER
  [[nodiscard]] std::string const& id() const { return id_; }                  ///< 16 bytes
  [[nodiscard]] std::string sign(EVP_MD const* digest, std::string_view text) const;

 private:
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::string public_key_;
  std::string id_;
};

[[nodiscard]] std::string little_endian(std::uint64_t value, int bytes);
/// A protocol buffer's field that holds bytes.
[[nodiscard]] std::string field(std::uint64_t number, std::string_view bytes);
/// "Cr24", version 3, and the header in front of the archive.
[[nodiscard]] std::string crx3(std::string_view header, std::string_view zip);
/// What a proof of version 3 signs.
[[nodiscard]] std::string signed_text(std::string_view data, std::string_view zip);

/// A right package.
[[nodiscard]] std::string packed(Signer const& by, std::string_view zip);

}  // namespace bridge::fuzz
