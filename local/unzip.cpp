#include "local/unzip.hpp"

#include <fcntl.h>
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "local/descriptor.hpp"
#include "local/file_path.hpp"
#include "local/zip_writer.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kEndSize = 22;
constexpr std::size_t kCommentMax = 0xffff;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kHeadSize = 30;
constexpr std::size_t kPiece = 64 * 1024;
constexpr std::ptrdiff_t kDepthMax = 100;  // removing a tree holds a descriptor for each level

Error broken(std::string_view what) {
  return Error(Errc::bad_message, std::string(what));
}

/// Little-endian numbers at places of a text; zero where it ends.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {}
  [[nodiscard]] std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const { return number(at, 4); }
  [[nodiscard]] std::optional<std::string_view> part(std::size_t at, std::size_t size) const {
    if (at > text_.size() || size > text_.size() - at) return std::nullopt;
    return text_.substr(at, size);
  }

 private:
  [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t bytes) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes && at + i < text_.size(); ++i)
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(text_[at + i])) << (8 * i);
    return value;
  }
  std::string_view text_;
};

struct Entry {
  std::string name;
  bool is_folder = false;
  bool packed = false;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::string_view bytes;
};

std::optional<std::size_t> find_end(std::string_view zip) {
  if (zip.size() < kEndSize) return std::nullopt;
  auto const first = zip.size() - kEndSize - std::min(zip.size() - kEndSize, kCommentMax);
  auto const at = zip.rfind("PK\x05\x06", zip.size() - kEndSize);
  if (at == std::string_view::npos || at < first) return std::nullopt;
  return at;
}

// One line of the directory at `at`, which is moved behind it.
Result<Entry> read_entry(std::string_view zip, std::size_t& at) {
  Bytes const bytes(zip);
  auto const line = bytes.part(at, kEntrySize);
  if (!line || !line->starts_with("PK\x01\x02")) return broken("its directory is cut short");
  auto const name = bytes.part(at + kEntrySize, bytes.u16(at + 28));
  if (!name) return broken("its directory is cut short");
  Entry entry;
  entry.is_folder = name->ends_with('/');
  entry.name = name->substr(0, name->size() - (entry.is_folder ? 1 : 0));
  if (check_path(entry.name, "name", kStoragePath)) return broken("it has a file of a bad name");
  if (std::count(entry.name.begin(), entry.name.end(), '/') >= kDepthMax)
    return broken("its folders lie too deep in each other");
  if ((bytes.u16(at + 8) & 1U) != 0) return broken("it is encrypted");
  auto const method = bytes.u16(at + 10);
  if (method != 0 && method != 8) return broken("it is packed in a way that is not known");
  entry.packed = method == 8;
  entry.crc = bytes.u32(at + 16);
  entry.size = bytes.u32(at + 24);
  // The upper half is Unix's mode, where the archive's maker says Unix.
  auto const kind = bytes.u32(at + 38) >> 16 & 0170000U;
  bool const plain = kind == 0 || kind == 0100000U || kind == 0040000U;
  if (bytes.u16(at + 4) >> 8 == 3 && !plain) return broken("it has a link");

  auto const head = bytes.u32(at + 42);
  auto const local = bytes.part(head, kHeadSize);
  if (!local || !local->starts_with("PK\x03\x04")) return broken("a file of it is not there");
  auto const begin = head + kHeadSize + bytes.u16(head + 26) + bytes.u16(head + 28);
  auto const content = bytes.part(begin, bytes.u32(at + 20));
  if (!content) return broken("a file of it is cut short");
  entry.bytes = *content;
  at += kEntrySize + name->size() + bytes.u16(at + 30) + bytes.u16(at + 32);
  return entry;
}

/// What an archive makes of the disk and the processor: many times its own size, if it is made for
/// that. Counts before anything is unpacked.
class Cost {
 public:
  Cost(std::string_view zip, UnzipLimits const& limits) : left_(zip.size()), limits_(limits) {}
  // `entry` must stay where it is.
  [[nodiscard]] Result<void> add(Entry const& entry) {
    bytes_ += entry.size;
    if (bytes_ > limits_.bytes) return Error(Errc::too_large, "it is too large unpacked");
    // Folders need not be named to be made.
    std::string_view path = entry.name;
    while (paths_.insert(path).second && path.find('/') != std::string_view::npos)
      path = path.substr(0, path.rfind('/'));
    if (paths_.size() > limits_.files) return Error(Errc::too_large, "it has too many files");
    // The same bytes again and again may hold nothing and take long to find it.
    if (entry.bytes.size() > left_) return broken("its files share bytes");
    left_ -= entry.bytes.size();
    return {};
  }

 private:
  std::size_t left_;
  UnzipLimits const& limits_;
  std::uint64_t bytes_ = 0;
  std::unordered_set<std::string_view> paths_;
};

Result<std::vector<Entry>> read_directory(std::string_view zip, UnzipLimits const& limits) {
  auto const end = find_end(zip);
  if (!end) return broken("it is no ZIP archive");
  Bytes const bytes(zip);
  auto const count = bytes.u16(*end + 10);
  if (count > limits.files) return Error(Errc::too_large, "it has too many files");
  std::size_t at = bytes.u32(*end + 16);
  std::vector<Entry> entries;
  entries.reserve(count);
  Cost cost(zip, limits);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto entry = read_entry(zip, at);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
    auto const counted = cost.add(entries.back());
    if (!counted) return counted.error();
  }
  return entries;
}

/// The file that an entry becomes. A bomb says a small size and inflates to a large one: it is
/// stopped at what it has said.
class UnpackedFile {
 public:
  UnpackedFile(Descriptor file, Entry const& entry)
      : file_(std::move(file)), left_(entry.size), wanted_(entry.crc) {}
  [[nodiscard]] Result<void> take(std::string_view bytes) {
    if (bytes.size() > left_) return broken("a file of it is larger than it says");
    left_ -= bytes.size();
    crc_ = crc32_of(crc_, bytes);
    return write_all(file_.get(), bytes);
  }
  [[nodiscard]] bool is_whole() const { return left_ == 0 && crc_ == wanted_; }

 private:
  Descriptor file_;
  std::uint64_t left_;
  std::uint32_t wanted_;
  std::uint32_t crc_ = 0;
};

Result<void> inflate_to(UnpackedFile& file, std::string_view packed) {
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return broken("zlib does not start");
  std::string piece(kPiece, '\0');
  // zlib does not write to its input; its interface is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int code = Z_OK;
  Result<void> taken;
  while (code == Z_OK && taken) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    code = ::inflate(&stream, Z_NO_FLUSH);
    taken = file.take(std::string_view(piece).substr(0, piece.size() - stream.avail_out));
  }
  ::inflateEnd(&stream);
  if (taken && code != Z_STREAM_END) return broken("a file of it cannot be unpacked");
  return taken;
}

Result<void> make_folders(std::filesystem::path const& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (!ec) return {};
  if (ec == std::errc::not_a_directory || ec == std::errc::file_exists)
    return broken("a file of it is where a folder is");
  if (ec == std::errc::filename_too_long) return broken("it has a file of a bad name");
  return system_error("unpack an archive", ec);
}

Result<void> unpack(Entry const& entry, std::filesystem::path const& into) {
  auto const path = into / entry.name;
  auto const made = make_folders(entry.is_folder ? path : path.parent_path());
  if (!made || entry.is_folder) return made;
  Descriptor opened(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!opened.is_open() && errno == EEXIST) return broken("it has two files of one name");
  if (!opened.is_open() && errno == ENAMETOOLONG) return broken("it has a file of a bad name");
  if (!opened.is_open()) return system_error("unpack an archive");
  UnpackedFile file(std::move(opened), entry);
  auto const written = entry.packed ? inflate_to(file, entry.bytes) : file.take(entry.bytes);
  if (written && !file.is_whole()) return broken("a file of it is damaged");
  return written;
}

}  // namespace

Result<void> unzip(std::string_view zip, std::filesystem::path const& into, UnzipLimits limits) {
  auto const entries = read_directory(zip, limits);
  if (!entries) return entries.error();
  for (auto const& entry : *entries) {
    auto const unpacked = unpack(entry, into);
    if (!unpacked) return unpacked;
  }
  return {};
}

}  // namespace bridge::local
