#include "tests/fuzz/signer.hpp"

#include <openssl/ec.h>
#include <openssl/x509.h>

#include <stdexcept>

namespace bridge::fuzz {
namespace {

unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value > 0x7f; value >>= 7) text += static_cast<char>((value & 0x7f) | 0x80);
  return text + static_cast<char>(value);
}

}  // namespace

Signer::Signer() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {
  if (!key_) throw std::runtime_error("OpenSSL makes no key");
  public_key_.resize(static_cast<std::size_t>(::i2d_PUBKEY(key_.get(), nullptr)));
  auto* at = raw(public_key_);
  ::i2d_PUBKEY(key_.get(), &at);
  id_.resize(EVP_MAX_MD_SIZE);
  ::EVP_Digest(public_key_.data(), public_key_.size(), raw(id_), nullptr, EVP_sha256(), nullptr);
  id_.resize(16);
}

std::string Signer::sign(EVP_MD const* digest, std::string_view text) const {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(::EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  std::string signature(100, '\0');
  auto size = signature.size();
  if (::EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) != 1 ||
      ::EVP_DigestSign(context.get(), raw(signature), &size,
                       reinterpret_cast<unsigned char const*>(text.data()), text.size()) != 1)
    throw std::runtime_error("OpenSSL does not sign");
  signature.resize(size);
  return signature;
}

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string field(std::uint64_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}

std::string crx3(std::string_view header, std::string_view zip) {
  return "Cr24" + little_endian(3, 4) + little_endian(header.size(), 4) + std::string(header) +
         std::string(zip);
}

std::string signed_text(std::string_view data, std::string_view zip) {
  return std::string("CRX3 SignedData\0", 16) + little_endian(data.size(), 4) + std::string(data) +
         std::string(zip);
}

std::string packed(Signer const& by, std::string_view zip) {
  auto const data = field(1, by.id());
  auto const proof =
      field(1, by.public_key()) + field(2, by.sign(EVP_sha256(), signed_text(data, zip)));
  return crx3(field(3, proof) + field(10000, data), zip);
}

}  // namespace bridge::fuzz
