#include "local/crx.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/signer.hpp"

namespace bridge::fuzz {
namespace {

constexpr std::size_t kProofsMax = 16;
constexpr int kFieldsMax = 30;
constexpr std::uint64_t kEcdsa = 3;
constexpr std::uint64_t kSignedData = 10000;

Signer const& own() {
  static Signer const signer;
  return signer;
}
Signer const& other() {
  static Signer const signer;
  return signer;
}

/// What holds for every package that is taken.
void check_taken(std::string_view package, local::Crx const& crx) {
  require(package.starts_with("Cr24") && package.size() > 12, "a package has a header");
  require(package.ends_with(crx.zip) && crx.zip.size() < package.size() - 12,
          "the archive is what is behind the header");
  require(crx.zip.empty() || crx.zip.data() == package.data() + package.size() - crx.zip.size(),
          "the archive is not copied");
  require(package.substr(0, package.size() - crx.zip.size()).find(crx.public_key) !=
              std::string_view::npos,
          "the key stands in the header");
  require(!crx.public_key.empty(), "there is a key");
  require(!local::read_crx(std::string(package) + '\0'), "all of the archive is signed");
  if (crx.zip.empty()) return;
  std::string changed(package);
  changed.back() = static_cast<char>(changed.back() ^ 1);
  require(!local::read_crx(changed), "a signature is of this archive");
}

bool is_taken(std::string_view package) {
  auto const crx = local::read_crx(package);
  if (crx) check_taken(package, *crx);
  if (!crx) require(crx.error().is(Errc::bad_message), "a refusal is the sender's");
  return crx.has_value();
}

/// Writes a header of version 3 as a script says, and knows what it is worth.
class Header {
 public:
  Header(Bytes script, std::string_view zip) : script_(script), zip_(zip) {
    write_data(script_.byte());
    auto const text = signed_text(data_, zip_);
    by_own_ = own().sign(EVP_sha256(), text);
    by_other_ = other().sign(EVP_sha256(), text);
    for (int i = 0; i < kFieldsMax && !script_.empty(); ++i) write_field(script_.byte());
  }
  [[nodiscard]] std::string const& text() const { return text_; }
  [[nodiscard]] bool is_right() const {
    bool const by_own = std::find(keys_.begin(), keys_.end(), id_) != keys_.end();
    return right_ && id_.size() == 16 && by_own && keys_.size() <= kProofsMax;
  }
  [[nodiscard]] Signer const& key() const { return id_ == own().id() ? own() : other(); }

 private:
  void write_data(unsigned kind) {
    if (kind % 4 != 3) id_ = kind % 4 == 1 ? other().id() : own().id();
    if (kind % 4 == 2) id_.resize(kind / 4 % 32);  // an id of another length
    if (kind % 4 != 3) data_ = field(1, id_);
    if ((kind & 128U) != 0) data_ += field(1, other().id());  // the first one counts
    if (kind % 4 == 3 && (kind & 128U) != 0) id_ = other().id();
    if ((kind & 64U) != 0) data_ += field(7, "more");
    text_ = field(kSignedData, data_);
  }
  void write_field(unsigned kind) {
    bool const others = (kind & 16U) != 0;
    auto const& by = others ? other() : own();
    auto const number = (kind & 32U) != 0 ? kEcdsa : kEcdsa - 1;  // RSA's place serves as well
    auto signature = others ? by_other_ : by_own_;
    auto key = by.public_key();
    switch (kind % 8) {
      case 0:  // unknown, and of no account
        text_ += field(4U + script_.byte(), script_.take(script_.byte() % 32));
        return;
      case 1:  // a second one is of no account either
        text_ += field(kSignedData, script_.take(16));
        return;
      case 2:  // a number
        right_ = false;
        text_ += std::string("\x20\x07");
        return;
      case 3:
        right_ = false;
        signature[script_.byte() % signature.size()] ^= 1;
        break;
      case 4:  // the other's signature
        right_ = false;
        key = others ? own().public_key() : other().public_key();
        break;
      case 5:  // something behind the key
        right_ = false;
        key += script_.take(1);
        key += '\0';
        break;
      case 6:  // neither key nor signature
        right_ = false;
        text_ += field(number, script_.take(script_.byte() % 32));
        return;
      default:
        break;
    }
    keys_.push_back(by.id());
    text_ += field(number, field(1, key) + field(2, signature));
  }

  Bytes script_;
  std::string_view zip_;
  std::string id_;
  std::string data_;
  std::string by_own_;
  std::string by_other_;
  std::string text_;
  std::vector<std::string> keys_;
  bool right_ = true;
};

/// A package with its last or first bytes missing, or a longer header than there is.
std::string damaged(std::string package, unsigned how) {
  if (how == 0) return package;
  if ((how & 1U) != 0) package.resize(package.size() - std::min<std::size_t>(how, package.size()));
  if ((how & 1U) == 0) package[8U + how / 2 % 4] ^= static_cast<char>(0x80);
  return package;
}

void check_version_3(Bytes in) {
  auto const damage = in.byte();
  auto const zip = in.take(in.byte() % 32);
  Header const header(in, zip);
  auto const package = damaged(crx3(header.text(), zip), damage);
  bool const taken = is_taken(package);
  require(taken == (damage == 0 && header.is_right()), "a right package, and only that, is taken");
  if (taken) require(local::read_crx(package)->public_key == header.key().public_key(), "the id's");
}

void check_version_2(Bytes in) {
  auto const damage = in.byte();
  auto const kind = in.byte();
  auto const zip = in.rest();
  auto key = own().public_key();
  auto signature = (kind & 1U) != 0 ? other().sign(EVP_sha1(), zip) : own().sign(EVP_sha1(), zip);
  if ((kind & 2U) != 0) key += '\0';
  if ((kind & 4U) != 0) signature.clear();
  auto package = "Cr24" + little_endian(2, 4) + little_endian(key.size(), 4) +
                 little_endian(signature.size(), 4) + key + signature + std::string(zip);
  package = damaged(std::move(package), damage);
  require(is_taken(package) == (damage == 0 && (kind & 7U) == 0), "a right one of version 2");
}

}  // namespace

void check_crx(std::string_view bytes) {
  Bytes in(bytes);
  switch (in.byte() % 4) {
    case 0:
      return check_version_3(in);
    case 1:
      return check_version_2(in);
    case 2:
      return (void)is_taken(crx3(in.rest(), "zip"));
    default:
      return (void)is_taken(in.rest());
  }
}

}  // namespace bridge::fuzz
