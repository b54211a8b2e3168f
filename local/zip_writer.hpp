#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// A ZIP archive as a stream of bytes. Files are stored as they are: what runs produce (pictures,
/// downloads) is mostly packed already. Zip64 where sizes, places or the number of files need it.
class ZipWriter {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;
  explicit ZipWriter(Sink to) : to_(std::move(to)) {}

  /// Begins a file of exactly `size` bytes whose checksum is known. `name` is a relative path.
  [[nodiscard]] Result<void> begin(std::string name, std::uint64_t size, std::uint32_t crc,
                                   Timestamp modified);
  [[nodiscard]] Result<void> write(std::string_view bytes);
  /// The directory behind the files.
  [[nodiscard]] Result<void> finish();

 private:
  struct Entry {
    std::string name;
    std::uint64_t size;
    std::uint32_t crc;
    std::uint32_t when;
    std::uint64_t at;
  };
  [[nodiscard]] std::string directory_entry(Entry const& entry) const;

  Sink to_;
  std::uint64_t at_ = 0;
  std::vector<Entry> entries_;
};

/// CRC-32 of more bytes behind those that gave `crc`; 0 for none.
[[nodiscard]] std::uint32_t crc32_of(std::uint32_t crc, std::string_view bytes);

}  // namespace bridge::local
