#include "local/totp.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <stdexcept>

#include "local/query.hpp"
#include "net/url.hpp"

namespace bridge::local {
namespace {

constexpr std::string_view kScheme = "otpauth://totp/";
constexpr std::size_t kKeyMax = 1024;
constexpr int kPeriodMax = 3600;

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::optional<std::string> from_base32(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (char const c : text) {
    if (c == ' ' || c == '-') continue;  // sites show keys in groups
    auto const value = kAlphabet.find(upper(c));
    if (value == std::string_view::npos) return std::nullopt;
    held = held << 5 | static_cast<std::uint32_t>(value);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits & 0xff);
  }
  if (bytes.empty() || bytes.size() > kKeyMax) return std::nullopt;
  return bytes;
}

std::optional<int> whole(std::string_view text, int least, int most) {
  int value = 0;
  auto const read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  if (value < least || value > most) return std::nullopt;
  return value;
}

std::optional<Totp::Hash> hash_from(std::string_view name) {
  if (name == "SHA1") return Totp::Hash::sha1;
  if (name == "SHA256") return Totp::Hash::sha256;
  if (name == "SHA512") return Totp::Hash::sha512;
  return std::nullopt;
}

std::optional<Totp> read_address(std::string_view rest) {
  auto const mark = rest.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  Query const query(rest.substr(mark + 1));
  auto const key = from_base32(query.one("secret").value_or(""));
  auto const hash = hash_from(query.one("algorithm").value_or("SHA1"));
  auto const digits = whole(query.one("digits").value_or("6"), 6, 8);
  auto const period = whole(query.one("period").value_or("30"), 1, kPeriodMax);
  if (!key || !hash || !digits || !period) return std::nullopt;
  Totp totp;
  totp.key = *key;
  totp.hash = *hash;
  totp.digits = *digits;
  totp.period = std::chrono::seconds(*period);
  return totp;
}

char const* name_of(Totp::Hash hash) {
  switch (hash) {
    case Totp::Hash::sha256:
      return "SHA256";
    case Totp::Hash::sha512:
      return "SHA512";
    default:
      return "SHA1";
  }
}

}  // namespace

std::optional<Totp> read_totp(std::string_view text) {
  std::string const start = [&] {
    std::string lower;
    for (char const c : text.substr(0, kScheme.size()))
      lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower;
  }();
  if (start == kScheme) return read_address(text.substr(kScheme.size()));
  auto const key = from_base32(text);
  if (!key) return std::nullopt;
  Totp totp;
  totp.key = *key;
  return totp;
}

std::string totp_code(Totp const& totp, Timestamp when) {
  auto counter = static_cast<std::uint64_t>(when.time_since_epoch() / totp.period);
  std::array<unsigned char, 8> message{};
  for (auto at = message.rbegin(); at != message.rend(); ++at, counter >>= 8)
    *at = static_cast<unsigned char>(counter & 0xff);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  std::size_t length = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, name_of(totp.hash), nullptr, totp.key.data(),
                totp.key.size(), message.data(), message.size(), mac.data(), mac.size(),
                &length) == nullptr)
    throw std::runtime_error("OpenSSL has no HMAC");
  // RFC 4226 section 5.3.
  auto const offset = mac.at(length - 1) & 0x0fU;
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 4; ++i) number = number << 8 | mac.at(offset + i);
  number &= 0x7fffffffU;
  std::uint32_t modulus = 1;
  for (int i = 0; i < totp.digits; ++i) modulus *= 10;
  return fmt::format("{:0{}}", number % modulus, totp.digits);
}

}  // namespace bridge::local
