#include "local/crx.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace bridge::local {
namespace {

constexpr std::size_t kHeaderMax = 1024 * 1024;
constexpr std::size_t kIdBytes = 16;
constexpr int kProofsMax = 16;  // each reads the whole archive

Error broken(std::string_view what) {
  return Error(Errc::bad_message, std::string(what));
}

/// Takes fields off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  std::optional<std::string_view> take(std::uint64_t size) {
    if (size > rest_.size()) return std::nullopt;
    auto const part = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(part.size());
    return part;
  }
  std::optional<std::uint32_t> u32() {
    auto const bytes = take(4);
    if (!bytes) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>((*bytes)[i])) << (8 * i);
    return value;
  }
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      auto const byte = take(1);
      if (!byte) return std::nullopt;
      auto const bits = static_cast<unsigned char>(byte->front());
      value |= static_cast<std::uint64_t>(bits & 0x7fU) << shift;
      if ((bits & 0x80U) == 0) return value;
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

/// A field of a protocol buffer that holds bytes.
struct Field {
  std::uint64_t number = 0;
  std::string_view bytes;
};

// None when the message is broken, or has other kinds of fields than a CRX header's.
std::optional<std::vector<Field>> read_fields(std::string_view message) {
  std::vector<Field> fields;
  for (Reader reader(message); !reader.empty();) {
    auto const tag = reader.varint();
    if (!tag || (*tag & 7U) != 2) return std::nullopt;
    auto const size = reader.varint();
    auto const bytes = size ? reader.take(*size) : std::nullopt;
    if (!bytes) return std::nullopt;
    fields.push_back({*tag >> 3, *bytes});
  }
  return fields;
}

std::string_view find(std::vector<Field> const& fields, std::uint64_t number) {
  for (auto const& field : fields)
    if (field.number == number) return field.bytes;
  return {};
}

unsigned char const* raw(std::string_view text) {
  return reinterpret_cast<unsigned char const*>(text.data());
}

bool verify(EVP_MD const* digest, std::string_view public_key, std::string_view signature,
            std::vector<std::string_view> const& signed_parts) {
  auto const* der = raw(public_key);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key(
      ::d2i_PUBKEY(nullptr, &der, static_cast<long>(public_key.size())), EVP_PKEY_free);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(::EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  // Nor has Chromium anything behind a key: it would be part of what the id is made of.
  bool const whole = key && der == raw(public_key) + public_key.size();
  if (!whole || ::EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.get()) != 1)
    return false;
  for (auto const part : signed_parts)
    if (::EVP_DigestVerifyUpdate(context.get(), part.data(), part.size()) != 1) return false;
  return ::EVP_DigestVerifyFinal(context.get(), raw(signature), signature.size()) == 1;
}

std::string id_of(std::string_view public_key) {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::EVP_Digest(public_key.data(), public_key.size(),
               reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr);
  return {digest.data(), kIdBytes};
}

Result<Crx> read_version_2(Reader reader) {
  auto const key_size = reader.u32();
  auto const signature_size = reader.u32();
  auto const key = key_size ? reader.take(*key_size) : std::nullopt;
  auto const signature = signature_size ? reader.take(*signature_size) : std::nullopt;
  if (!key || !signature) return broken("its header is cut short");
  if (!verify(EVP_sha1(), *key, *signature, {reader.rest()}))
    return broken("its signature is wrong");
  return Crx{reader.rest(), std::string(*key)};
}

// Every proof must hold, and one of them must be by the key that the id is made of.
Result<Crx> read_version_3(Reader reader) {
  auto const size = reader.u32();
  auto const header = size && *size <= kHeaderMax ? reader.take(*size) : std::nullopt;
  auto const fields = header ? read_fields(*header) : std::nullopt;
  if (!fields) return broken("its header is cut short or broken");
  auto const data = find(*fields, 10000);
  auto const signed_data = read_fields(data);
  auto const id = signed_data ? find(*signed_data, 1) : std::string_view();
  if (id.size() != kIdBytes) return broken("its header names no id");
  std::string prefix("CRX3 SignedData\0", 16);
  for (unsigned i = 0; i < 4; ++i) prefix += static_cast<char>(data.size() >> (8 * i) & 0xff);

  constexpr std::uint64_t kRsa = 2;
  constexpr std::uint64_t kEcdsa = 3;
  std::optional<std::string> own_key;
  int proofs = 0;
  for (auto const& field : *fields) {
    if (field.number != kRsa && field.number != kEcdsa) continue;
    if (++proofs > kProofsMax) return broken("it has too many signatures");
    auto const proof = read_fields(field.bytes);
    if (!proof) return broken("its header is cut short or broken");
    auto const key = find(*proof, 1);
    if (!verify(EVP_sha256(), key, find(*proof, 2), {prefix, data, reader.rest()}))
      return broken("its signature is wrong");
    if (id_of(key) == id) own_key = key;
  }
  if (!own_key) return broken("it is not signed by the key of its id");
  return Crx{reader.rest(), std::move(*own_key)};
}

}  // namespace

Result<Crx> read_crx(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.take(4) != std::string_view("Cr24")) return broken("it is no CRX file");
  auto const version = reader.u32();
  if (version == 2U) return read_version_2(reader);
  if (version == 3U) return read_version_3(reader);
  return broken("it is a CRX of a version that is not known");
}

}  // namespace bridge::local
