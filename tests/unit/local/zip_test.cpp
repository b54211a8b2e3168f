#include <doctest/doctest.h>
#include <zlib.h>

#include <fstream>
#include <sstream>

#include "archives.hpp"
#include "local/unzip.hpp"
#include "local/zip_writer.hpp"
#include "temporary_directory.hpp"

using namespace bridge;
using namespace bridge::local;
using bridge::test::zip_of;

namespace {

std::string text_of(std::filesystem::path const& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::size_t count_files(std::filesystem::path const& root) {
  std::size_t count = 0;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(root))
    count += entry.is_regular_file() ? 1 : 0;
  return count;
}

/// Why `zip` is not unpacked; "" when it is.
std::string refusal_of(std::string const& zip, UnzipLimits limits = {}) {
  test::TemporaryDirectory const into;
  auto const done = unzip(zip, into.path() / "", limits);
  if (done) return "";
  CHECK((done.error().is(Errc::bad_message) || done.error().is(Errc::too_large)));
  return done.error().doing;
}

/// `zip` with the bytes at `offset` behind each `mark` replaced.
std::string patched(std::string zip, std::string_view mark, std::size_t offset,
                    std::string_view bytes) {
  for (auto at = zip.find(mark); at != std::string::npos; at = zip.find(mark, at + 1))
    zip.replace(at + offset, bytes.size(), bytes);
  return zip;
}

constexpr std::string_view kDirectoryLine("PK\x01\x02", 4);

/// A member of a ZIP archive that is deflated, as other programs write them.
std::string deflated_zip(std::string const& name, std::string const& text, std::size_t said_size) {
  std::string packed(::compressBound(text.size()), '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  auto zip = zip_of({{name, packed}});
  auto const number = [](std::size_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
    return bytes;
  };
  zip = patched(zip, kDirectoryLine, 10, std::string_view("\x08\0", 2));
  zip = patched(zip, kDirectoryLine, 16, number(crc32_of(0, text)));
  return patched(zip, kDirectoryLine, 24, number(said_size));
}

}  // namespace

TEST_CASE("zip: what is written is read again") {
  auto const zip =
      zip_of({{"a.txt", "first"}, {"d/e/b.bin", std::string(100'000, '\0')}, {"c", ""}});
  test::TemporaryDirectory const into;
  REQUIRE(unzip(zip, into.path(), UnzipLimits()).has_value());
  CHECK(text_of(into.path() / "a.txt") == "first");
  CHECK(text_of(into.path() / "d/e/b.bin") == std::string(100'000, '\0'));
  CHECK(text_of(into.path() / "c").empty());
  CHECK(count_files(into.path()) == 3);
}

TEST_CASE("zip: deflated files are unpacked, and stopped at the size they say") {
  std::string const text(1 << 20, 'x');
  test::TemporaryDirectory const into;
  REQUIRE(unzip(deflated_zip("x", text, text.size()), into.path(), UnzipLimits()).has_value());
  CHECK(text_of(into.path() / "x") == text);
  CHECK(refusal_of(deflated_zip("x", text, 10)) == "a file of it is larger than it says");
}

TEST_CASE("zip: an archive that would write elsewhere is refused") {
  for (std::string const name : {"../a", "/etc/a", "a/../../b", "a\\b", "a//b", ".."}) {
    CAPTURE(name);
    CHECK(refusal_of(zip_of({{name, "x"}})) == "it has a file of a bad name");
  }
  // A symbolic link by Unix's mode.
  auto const link = patched(zip_of({{"a", "/etc/passwd"}}), kDirectoryLine, 38,
                            std::string_view("\0\0\xff\xa1", 4));
  CHECK(refusal_of(link) == "it has a link");
}

TEST_CASE("zip: what is no archive, or a broken one, is refused") {
  auto const zip = zip_of({{"a", "text"}});
  CHECK(refusal_of("") == "it is no ZIP archive");
  CHECK(refusal_of("no archive at all, but long enough") == "it is no ZIP archive");
  CHECK(refusal_of(zip.substr(10)) != "");
  CHECK(refusal_of(zip_of({{"a", "1"}, {"a", "2"}})) == "it has two files of one name");
  CHECK(refusal_of(zip_of({{"a", "1"}, {"a/b", "2"}})) == "a file of it is where a folder is");
  auto damaged = zip;
  damaged.replace(damaged.find("text"), 4, "TEXT");
  CHECK(refusal_of(damaged) == "a file of it is damaged");
  CHECK(refusal_of(patched(zip, kDirectoryLine, 8, std::string_view("\x01\0", 2))) ==
        "it is encrypted");
  CHECK(refusal_of(patched(zip, kDirectoryLine, 10, std::string_view("\x0c\0", 2))) ==
        "it is packed in a way that is not known");
  // Whatever byte is wrong, nothing but an error comes of it.
  for (std::size_t at = 0; at < zip.size(); ++at) {
    auto changed = zip;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    test::TemporaryDirectory const into;
    [[maybe_unused]] auto const done = unzip(changed, into.path(), UnzipLimits());
    CHECK(count_files(into.path()) <= 1);
  }
}

TEST_CASE("zip: too much is refused before anything is written") {
  UnzipLimits few;
  few.files = 1;
  CHECK(refusal_of(zip_of({{"a", "1"}, {"b", "2"}}), few) == "it has too many files");
  UnzipLimits small;
  small.bytes = 5;
  test::TemporaryDirectory const into;
  auto const done = unzip(zip_of({{"a", "123"}, {"b", "456"}}), into.path(), small);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().is(Errc::too_large));
  CHECK(count_files(into.path()) == 0);
}

TEST_CASE("zip: folders count as files do, named or not") {
  UnzipLimits four;
  four.files = 4;
  CHECK(refusal_of(zip_of({{"a/b/c", "1"}, {"a/b/d", "2"}}), four) == "");
  CHECK(refusal_of(zip_of({{"a/b/c", "1"}, {"a/b/d", "2"}, {"a/e", "3"}}), four) ==
        "it has too many files");
}

TEST_CASE("zip: folders may not lie deeper in each other than a tree can be removed") {
  std::string deep;
  for (int i = 0; i < 99; ++i) deep += "d/";
  CHECK(refusal_of(zip_of({{deep + "a", "1"}})) == "");
  CHECK(refusal_of(zip_of({{deep + "d/a", "1"}})) == "its folders lie too deep in each other");
}

TEST_CASE("zip: a name that the system does not take is the archive's mistake") {
  std::string path;
  for (int i = 0; i < 16; ++i) path += std::string(254, 'x') + '/';
  path.pop_back();
  CHECK(refusal_of(zip_of({{path, "1"}})) == "it has a file of a bad name");
  CHECK(refusal_of(zip_of({{path + "/y", "1"}})) == "it has a file of a bad name");
}

TEST_CASE("zip: files cannot share bytes, which would be unpacked again and again") {
  test::Contents files{{"a", std::string(300, 'x')}};
  for (char name = 'b'; name < 'j'; ++name) files.emplace_back(std::string(1, name), "");
  // Each line of the directory leads to the first file.
  auto const there = patched(zip_of(files), kDirectoryLine, 42, std::string_view("\0\0\0\0", 4));
  auto const all = patched(there, kDirectoryLine, 20, std::string_view("\x2c\x01\0\0", 4));
  CHECK(refusal_of(all) == "its files share bytes");
}

TEST_CASE("zip: beyond four gigabytes the archive says so in 64 bits") {
  std::string tail;
  ZipWriter zip([&tail](std::string_view bytes) {
    if (bytes.size() < 1000) tail += bytes;
    return Result<void>{};
  });
  std::uint64_t const size = 4ULL << 30;
  std::string const piece(64 << 20, '\0');
  REQUIRE(zip.begin("large", size, 0, Timestamp()).has_value());
  for (std::uint64_t at = 0; at < size; at += piece.size()) REQUIRE(zip.write(piece).has_value());
  REQUIRE(zip.begin("behind", 0, 0, Timestamp()).has_value());
  REQUIRE(zip.finish().has_value());
  std::string const four_gigabytes("\0\0\0\0\x01\0\0\0", 8);
  // Sizes of the first, in front of it and in the directory, and the place of the second.
  CHECK(tail.find(std::string("\x01\0\x10\0", 4) + four_gigabytes + four_gigabytes) !=
        std::string::npos);
  CHECK(tail.find(std::string("\x01\0\x08\0", 4)) != std::string::npos);
  CHECK(tail.find("PK\x06\x06") != std::string::npos);
  CHECK(tail.find("PK\x06\x07") != std::string::npos);
}

TEST_CASE("zip: an error of the sink ends the writing") {
  ZipWriter zip([](std::string_view) { return Error(Errc::too_large, "full"); });
  auto const begun = zip.begin("a", 1, 0, Timestamp());
  REQUIRE_FALSE(begun.has_value());
  CHECK(begun.error().doing == "full");
}
