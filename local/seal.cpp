#include "local/seal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/scope_exit.hpp"
#include "local/descriptor.hpp"
#include "local/documents.hpp"
#include "local/json.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
// In front of everything sealed: another cipher may come.
constexpr std::string_view kForm = "v1.";
// The document by which a key is known to be the one that the others were sealed with.
constexpr std::string_view kCheck = "seal-check";

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
unsigned char const* bytes(std::string_view text) {
  return reinterpret_cast<unsigned char const*>(text.data());
}

std::string encrypt(std::string const& key, std::string_view plain, std::string_view owner) {
  auto nonce = random_bytes(kNonceBytes);
  std::string hidden(plain.size(), '\0');
  std::string tag(kTagBytes, '\0');
  int written = 0;
  Cipher const cipher(EVP_CIPHER_CTX_new());
  bool const done =
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &written, bytes(owner),
                        static_cast<int>(owner.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), bytes(hidden), &written, bytes(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), bytes(tag), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1;
  if (!done) throw StoreFailure("OpenSSL does not encrypt with AES-256-GCM");
  return nonce + hidden + tag;
}

std::optional<std::string> decrypt(std::string const& key, std::string_view whole,
                                   std::string_view owner) {
  if (whole.size() < kNonceBytes + kTagBytes) return std::nullopt;
  auto const nonce = whole.substr(0, kNonceBytes);
  auto const hidden = whole.substr(kNonceBytes, whole.size() - kNonceBytes - kTagBytes);
  std::string tag(whole.substr(whole.size() - kTagBytes));
  std::string plain(hidden.size(), '\0');
  std::array<unsigned char, kTagBytes> rest{};
  int written = 0;
  Cipher const cipher(EVP_CIPHER_CTX_new());
  bool const done =
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &written, bytes(owner),
                        static_cast<int>(owner.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), bytes(plain), &written, bytes(hidden),
                        static_cast<int>(hidden.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), rest.data(), &written) == 1;
  if (!done) return std::nullopt;
  return plain;
}

std::optional<std::string> open_sealed(std::string const& key, std::string_view sealed,
                                       std::string_view owner) {
  if (!sealed.starts_with(kForm)) return std::nullopt;
  auto const whole = from_base64url(sealed.substr(kForm.size()));
  return whole ? decrypt(key, *whole, owner) : std::nullopt;
}

/// None when there is no such file.
Result<std::optional<std::string>> read_key(std::string const& path) {
  int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0 && errno == ENOENT) return std::optional<std::string>();
  if (file < 0) return system_error("open " + path);
  auto const close = scope_exit([file] { ::close(file); });
  struct stat found {};
  if (fstat(file, &found) != 0) return system_error("read " + path);
  if ((found.st_mode & 077) != 0)
    return Error::saying(Errc::refused,
                         fmt::format("{0} is open to others; close it with: chmod 600 {0}", path));
  std::string text(2 * kKeyBytes, '\0');
  auto const got = ::read(file, text.data(), text.size());
  if (got < 0) return system_error("read " + path);
  text.resize(static_cast<std::size_t>(got));
  while (text.ends_with('\n')) text.pop_back();
  auto key = from_base64url(text);
  if (!key || key->size() != kKeyBytes)
    return Error::saying(Errc::refused,
                         fmt::format("{} holds no key; put back the one it held", path));
  return std::optional(std::move(*key));
}

// Whole or not at all, and on the disk before anything is sealed with it.
Result<void> write_key(std::filesystem::path const& directory, std::string const& key) {
  auto const path = (directory / Seal::kKeyFile).string();
  auto const draft = path + ".new";
  int const file =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return system_error("create " + draft);
  bool const written =
      fchmod(file, 0600) == 0 && write_all(file, base64url(key) + "\n") && fsync(file) == 0;
  auto const error = system_error("write " + draft);
  ::close(file);
  if (!written) return error;
  if (std::rename(draft.c_str(), path.c_str()) != 0) return system_error("create " + path);
  int const place = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (place < 0) return system_error("open " + directory.string());
  bool const kept = fsync(place) == 0;
  auto const unkept = system_error("write " + directory.string());
  ::close(place);
  if (!kept) return unkept;
  return {};
}

std::optional<std::string> kept_check(Database& database) {
  auto const document = Documents(database, "seal").find(kCheck);
  if (!document) return std::nullopt;
  return Json::parse(document->body).at("sealed").get<std::string>();
}

void keep_check(Database& database, std::string const& key) {
  Document document;
  document.id = kCheck;
  document.body =
      to_text(Json{{"sealed", std::string(kForm) + base64url(encrypt(key, kCheck, kCheck))}});
  document.created_at = document.updated_at = now();
  if (!Documents(database, "seal").add(document))
    throw StoreFailure("a key was made twice");  // we are alone with this database
}

}  // namespace

Seal::Seal(Database& database, std::optional<std::filesystem::path> directory)
    : database_(database), directory_(std::move(directory)) {}

Seal::~Seal() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

Result<std::unique_ptr<Seal>> Seal::open(Database& database,
                                         std::optional<std::filesystem::path> const& directory) {
  std::unique_ptr<Seal> seal(new Seal(database, directory));
  auto const check = kept_check(database);
  if (!check || !directory) return seal;
  auto const path = (*directory / kKeyFile).string();
  auto key = read_key(path);
  if (!key) return key.error();
  if (!*key)
    return Error::saying(
        Errc::not_found,
        fmt::format("{} is missing, and the secrets in this state cannot be read without it; put "
                    "it back, or begin anew with another --state",
                    path));
  if (open_sealed(**key, *check, kCheck) != kCheck)
    return Error::saying(
        Errc::refused,
        fmt::format("{} is not the key that the secrets in this state were sealed with; put that "
                    "one back, or begin anew with another --state",
                    path));
  seal->key_ = std::move(**key);
  return seal;
}

// A key file without a check is one that a dying process had just made: nothing hangs on it yet.
std::string Seal::first_key() {
  if (directory_) {
    auto found = read_key((*directory_ / kKeyFile).string());
    if (!found) throw StoreFailure(found.error().text());
    if (*found) return std::move(**found);
  }
  auto key = random_bytes(kKeyBytes);
  if (!directory_) return key;
  if (auto const written = write_key(*directory_, key); !written)
    throw StoreFailure(written.error().text());
  return key;
}

std::string Seal::seal(std::string_view plain, std::string_view owner) {
  if (key_.empty()) {
    auto key = first_key();
    keep_check(database_, key);
    key_ = std::move(key);
  }
  return std::string(kForm) + base64url(encrypt(key_, plain, owner));
}

std::string Seal::unseal(std::string_view sealed, std::string_view owner) const {
  auto plain = key_.empty() ? std::nullopt : open_sealed(key_, sealed, owner);
  if (!plain) throw StoreFailure("a secret in it is damaged, or not where it belongs");
  return std::move(*plain);
}

}  // namespace bridge::local
