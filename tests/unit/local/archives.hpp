#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "local/zip_writer.hpp"

namespace bridge::test {

using Contents = std::vector<std::pair<std::string, std::string>>;

/// A ZIP archive with these files.
inline std::string zip_of(Contents const& files) {
  std::string zip;
  local::ZipWriter writer([&zip](std::string_view bytes) {
    zip += bytes;
    return Result<void>{};
  });
  for (auto const& [name, text] : files) {
    writer.begin(name, text.size(), local::crc32_of(0, text), local::Timestamp()).value();
    writer.write(text).value();
  }
  writer.finish().value();
  return zip;
}

/// The ZIP of an extension that does nothing.
inline std::string extension_zip(
    std::string const& manifest = R"({"manifest_version":3,"name":"Marker","version":"1.2.3"})") {
  return zip_of({{"manifest.json", manifest}, {"scripts/a.js", "// nothing"}});
}

/// Signs as Chromium packs: with a key of its own, RSA.
class CrxMaker {
 public:
  CrxMaker() : key_(EVP_RSA_gen(2048), EVP_PKEY_free) {}

  [[nodiscard]] std::string public_key() const {
    unsigned char* der = nullptr;
    auto const size = i2d_PUBKEY(key_.get(), &der);
    std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return text;
  }
  [[nodiscard]] std::string version_3(std::string const& zip) const {
    return version_3(zip, public_key());
  }
  /// One that says its id is that of another key, or is signed more than once.
  [[nodiscard]] std::string version_3(std::string const& zip, std::string const& id_key,
                                      int proofs = 1) const {
    auto const data = field(1, digest(id_key).substr(0, 16));
    auto const signature =
        sign(EVP_sha256(), std::string("CRX3 SignedData\0", 16) + u32(data.size()) + data + zip);
    auto header = field(10000, data);
    for (int i = 0; i < proofs; ++i)
      header = field(2, field(1, public_key()) + field(2, signature)) + header;
    return "Cr24" + u32(3) + u32(header.size()) + header + zip;
  }
  [[nodiscard]] std::string version_2(std::string const& zip) const {
    auto const key = public_key();
    auto const signature = sign(EVP_sha1(), zip);
    return "Cr24" + u32(2) + u32(key.size()) + u32(signature.size()) + key + signature + zip;
  }

 private:
  static std::string u32(std::size_t value) {
    std::string text;
    for (int i = 0; i < 4; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  }
  static std::string varint(std::uint64_t value) {
    std::string text;
    for (; value > 0x7f; value >>= 7) text += static_cast<char>((value & 0x7f) | 0x80);
    return text + static_cast<char>(value);
  }
  static std::string field(std::uint64_t number, std::string const& bytes) {
    return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
  }
  static std::string digest(std::string const& text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(text.data(), text.size(), out, &size, EVP_sha256(), nullptr);
    return {reinterpret_cast<char*>(out), size};
  }
  [[nodiscard]] std::string sign(EVP_MD const* md, std::string const& text) const {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, md, nullptr, key_.get());
    std::string signature(1024, '\0');
    auto size = signature.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<unsigned char const*>(text.data()), text.size());
    signature.resize(size);
    return signature;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace bridge::test
