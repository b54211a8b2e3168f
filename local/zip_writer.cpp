#include "local/zip_writer.hpp"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace bridge::local {
namespace {

constexpr std::uint64_t kMax32 = 0xffffffff;
constexpr std::uint64_t kMax16 = 0xffff;
constexpr std::uint16_t kUtf8 = 1U << 11;
constexpr std::uint16_t kVersion = 20;
constexpr std::uint16_t kVersion64 = 45;

/// Little-endian fields in a row.
class Fields {
 public:
  Fields& u16(std::uint64_t value) { return put(value, 2); }
  Fields& u32(std::uint64_t value) { return put(value, 4); }
  Fields& u64(std::uint64_t value) { return put(value, 8); }
  Fields& text(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  Fields& put(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>((value >> (8 * i)) & 0xff);
    return *this;
  }
  std::string bytes_;
};

// MS-DOS has seconds in twos, and no years before 1980.
std::uint32_t dos_time(Timestamp when) {
  auto const day = std::chrono::floor<std::chrono::days>(when);
  std::chrono::year_month_day const date(day);
  std::chrono::hh_mm_ss const time(std::chrono::floor<std::chrono::seconds>(when - day));
  auto const year = std::clamp(static_cast<int>(date.year()), 1980, 2107) - 1980;
  return static_cast<std::uint32_t>(year) << 25 | static_cast<unsigned>(date.month()) << 21 |
         static_cast<unsigned>(date.day()) << 16 |
         static_cast<std::uint32_t>(time.hours().count()) << 11 |
         static_cast<std::uint32_t>(time.minutes().count()) << 5 |
         static_cast<std::uint32_t>(time.seconds().count() / 2);
}

std::uint64_t or_max32(std::uint64_t value) {
  return std::min(value, kMax32);
}

}  // namespace

std::uint32_t crc32_of(std::uint32_t crc, std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(crc, reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size()));
}

Result<void> ZipWriter::begin(std::string name, std::uint64_t size, std::uint32_t crc,
                              Timestamp modified) {
  Entry entry{std::move(name), size, crc, dos_time(modified), at_};
  bool const large = size >= kMax32;
  Fields head;
  head.u32(0x04034b50).u16(large ? kVersion64 : kVersion).u16(kUtf8).u16(0).u32(entry.when);
  head.u32(crc).u32(large ? kMax32 : size).u32(large ? kMax32 : size);
  head.u16(entry.name.size()).u16(large ? 20 : 0).text(entry.name);
  if (large) head.u16(1).u16(16).u64(size).u64(size);
  entries_.push_back(std::move(entry));
  return write(head.take());
}

Result<void> ZipWriter::write(std::string_view bytes) {
  at_ += bytes.size();
  return to_(bytes);
}

std::string ZipWriter::directory_entry(Entry const& entry) const {
  bool const large = entry.size >= kMax32;
  bool const far = entry.at >= kMax32;
  Fields more;
  if (large || far) more.u16(1).u16((large ? 16U : 0U) + (far ? 8U : 0U));
  if (large) more.u64(entry.size).u64(entry.size);
  if (far) more.u64(entry.at);
  auto const extra = more.take();
  std::uint16_t const version = large || far ? kVersion64 : kVersion;
  Fields line;
  line.u32(0x02014b50).u16(0x0300U | version).u16(version).u16(kUtf8).u16(0).u32(entry.when);
  line.u32(entry.crc).u32(or_max32(entry.size)).u32(or_max32(entry.size));
  line.u16(entry.name.size()).u16(extra.size()).u16(0).u16(0).u16(0);
  line.u32(0100600U << 16).u32(or_max32(entry.at)).text(entry.name).text(extra);
  return line.take();
}

Result<void> ZipWriter::finish() {
  auto const begin = at_;
  for (auto const& entry : entries_) {
    auto const wrote = write(directory_entry(entry));
    if (!wrote) return wrote;
  }
  auto const size = at_ - begin;
  auto const count = entries_.size();
  Fields end;
  if (count >= kMax16 || size >= kMax32 || begin >= kMax32) {
    auto const place = at_;
    end.u32(0x06064b50).u64(44).u16(0x0300U | kVersion64).u16(kVersion64).u32(0).u32(0);
    end.u64(count).u64(count).u64(size).u64(begin);
    end.u32(0x07064b50).u32(0).u64(place).u32(1);
  }
  auto const few = std::min<std::uint64_t>(count, kMax16);
  end.u32(0x06054b50).u16(0).u16(0).u16(few).u16(few);
  end.u32(or_max32(size)).u32(or_max32(begin)).u16(0);
  return write(end.take());
}

}  // namespace bridge::local
