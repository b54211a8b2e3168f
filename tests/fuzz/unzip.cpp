#include "local/unzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "local/zip_writer.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/directory.hpp"
#include "tests/fuzz/signer.hpp"

namespace bridge::fuzz {
namespace {

constexpr local::UnzipLimits kLimits{.files = 12, .bytes = 20'000};
constexpr std::size_t kMembersMax = 20;

/// A line of an archive's directory, as another reader sees it.
struct Line {
  std::string name;
  std::size_t packed = 0;
  std::size_t size = 0;
  std::uint32_t crc = 0;
  [[nodiscard]] bool is_folder() const { return name.ends_with('/'); }
};

std::size_t number(std::string_view zip, std::size_t at, std::size_t bytes) {
  std::size_t value = 0;
  for (auto i = bytes; i-- > 0;) value = value << 8U | static_cast<unsigned char>(zip.at(at + i));
  return value;
}

/// The lines of an archive that has been taken: what is not there throws.
std::vector<Line> lines_of(std::string_view zip) {
  auto end = zip.size() - 22;
  while (zip.substr(end, 4) != "PK\5\6") --end;
  std::vector<Line> lines;
  auto at = number(zip, end + 16, 4);
  for (auto left = number(zip, end + 10, 2); left > 0; --left) {
    require(zip.substr(at, 4) == "PK\1\2", "a directory's line");
    auto const name_size = number(zip, at + 28, 2);
    lines.push_back({std::string(zip.substr(at + 46, name_size)), number(zip, at + 20, 4),
                     number(zip, at + 24, 4), static_cast<std::uint32_t>(number(zip, at + 16, 4))});
    at += 46 + name_size + number(zip, at + 30, 2) + number(zip, at + 32, 2);
  }
  return lines;
}

/// What is there is what the archive says is in it, no more and no less.
void check_unpacked(std::string_view zip, std::map<std::string, std::string> found) {
  std::size_t packed = 0;
  std::set<std::string> folders;
  for (auto const& line : lines_of(zip)) {
    for (auto at = line.name.find('/'); at != std::string::npos; at = line.name.find('/', at + 1))
      folders.insert(line.name.substr(0, at + 1));
    packed += line.packed;
    if (line.is_folder()) continue;
    auto const file = found.find(line.name);
    require(file != found.end(), "each file is there, once");
    require(file->second.size() == line.size, "a file has its size");
    require(local::crc32_of(0, file->second) == line.crc, "a file has its bytes");
    found.erase(file);
  }
  require(packed <= zip.size(), "no byte is unpacked twice");
  for (auto const& folder : folders) require(found.erase(folder) == 1, "each folder is there");
  require(found.empty(), "nothing else is there");
}

/// Whether the archive is taken; that it cannot do harm.
bool is_taken(std::string_view zip) {
  static FencedDirectory directory;
  directory.clear();
  auto const done = local::unzip(zip, directory.into(), kLimits);
  if (!done)
    require(done.error().is(Errc::bad_message) || done.error().is(Errc::too_large),
            "a refusal is the sender's: " + done.error().text());
  auto contents = directory.contents();
  std::size_t bytes = 0;
  for (auto const& [name, content] : contents) bytes += content.size();
  require(contents.size() <= kLimits.files, "the limit of files");
  require(bytes <= kLimits.bytes, "the limit of bytes");
  if (done) check_unpacked(zip, std::move(contents));
  return done.has_value();
}

/// One raw stream. `level` 0 has bytes as they are in it.
std::string deflated(std::string_view text, int level) {
  z_stream stream{};
  require(::deflateInit2(&stream, level, Z_DEFLATED, -9, 1, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  require(::deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

/// Writes an archive as a script says, and knows whether there is a lie in it.
class Archive {
 public:
  explicit Archive(Bytes script) : script_(script) {
    for (std::size_t i = 0; i < kMembersMax && !script_.empty(); ++i) add_member();
    auto const begin = zip_.size();
    zip_ += directory_ + "PK\5\6" + little_endian(0, 4) + little_endian(count_, 2) +
            little_endian(count_, 2) + little_endian(directory_.size(), 4) +
            little_endian(begin, 4) + little_endian(0, 2);
  }
  [[nodiscard]] std::string const& zip() const { return zip_; }
  [[nodiscard]] bool is_right() const {
    return right_ && files_.size() + folders_.size() <= kLimits.files && count_ <= kLimits.files &&
           bytes_ <= kLimits.bytes;
  }

 private:
  enum Lie : unsigned { none, size, crc, encrypted, method, link, place, again, cut, longer, raw };

  std::string take_name() {
    auto const code = script_.byte();
    std::string name(script_.take(code % 16));
    // Long names, and many folders in each other.
    auto const once = name;
    if (code / 16 == 15)
      for (auto times = script_.byte() * 16U; times > 0; --times) name += once;
    return name;
  }
  std::string take_content() {
    std::string content(script_.take(script_.byte()));
    auto const once = content;
    for (auto times = script_.byte() % 64; times > 0; --times) content += once;
    return content;
  }
  void add_member() {
    auto const kind = script_.byte();
    auto const lie = static_cast<Lie>(kind / 4 % 16);
    auto const name = take_name();
    auto content = name.ends_with('/') ? "" : take_content();
    bool const packed = (kind & 1U) != 0;
    auto bytes = packed ? deflated(content, (kind & 2U) != 0 ? 0 : 6) : content;
    if (lie == raw) bytes = content;  // as if it were packed
    if (lie == cut) bytes.resize(bytes.size() / 2);
    if (lie == longer) bytes += '\0';
    right_ = right_ && (lie == none || lie > raw);
    note(name, content.size());

    auto const claim = lie == size ? script_.byte() * 100U : content.size();
    auto const checksum = local::crc32_of(lie == crc ? 1 : 0, content);
    auto const at = lie == place ? script_.byte() * 4U : lie == again ? last_at_ : zip_.size();
    auto const way = lie == method ? 12U : packed || lie == raw ? 8U : 0U;
    auto const shared = little_endian(lie == encrypted ? 1 : 0, 2) + little_endian(way, 2) +
                        little_endian(0, 4) + little_endian(checksum, 4) +
                        little_endian(bytes.size(), 4) + little_endian(claim, 4) +
                        little_endian(name.size(), 2);
    last_at_ = at;
    if (lie != again) zip_ += "PK\3\4" + little_endian(20, 2) + shared + little_endian(0, 2) + name;
    if (lie != again) zip_ += bytes;
    directory_ += "PK\1\2" + little_endian(0x0314, 2) + little_endian(20, 2) + shared +
                  little_endian(0, 8) + little_endian(lie == link ? 0xa1ff0000 : 0, 4) +
                  little_endian(at, 4) + name;
    ++count_;
  }
  // Names that are right beyond doubt, each for one thing: others are not judged.
  void note(std::string const& name, std::size_t content_size) {
    bytes_ += content_size;
    std::size_t depth = 0;
    std::size_t begin = 0;
    for (auto at = name.find('/'); at != std::string::npos; at = name.find('/', begin)) {
      right_ = right_ && is_plain(name.substr(begin, at - begin)) && ++depth < 10;
      folders_.insert(name.substr(0, at));
      right_ = right_ && !files_.contains(name.substr(0, at));
      begin = at + 1;
    }
    if (begin == name.size() && begin > 0) return;
    right_ = right_ && is_plain(name.substr(begin)) && !folders_.contains(name) &&
             files_.insert(name).second;
  }
  static bool is_plain(std::string const& segment) {
    return !segment.empty() && segment.size() < 200 &&
           std::all_of(segment.begin(), segment.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  }

  Bytes script_;
  std::string zip_;
  std::string directory_;
  std::set<std::string> files_;
  std::set<std::string> folders_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t last_at_ = 0;
  bool right_ = true;
};

}  // namespace

void check_unzip(std::string_view bytes) {
  Bytes in(bytes);
  if (in.byte() % 2 != 0) return (void)is_taken(in.rest());
  Archive const archive(in);
  bool const taken = is_taken(archive.zip());
  if (archive.is_right()) require(taken, "a right archive is unpacked");
}

}  // namespace bridge::fuzz
