#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "local/files.hpp"
#include "local/operations.hpp"

namespace bridge::local {

/// The bytes from `first` up to and with `last`.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(ByteRange const&) const = default;
};

/// What a Range header asks of `size` bytes: all of them (none), a part, or nothing there is.
struct RangeAnswer {
  bool satisfiable = true;
  std::optional<ByteRange> part;
};
/// One range is understood; several, or other units, are answered with everything (RFC 9110).
[[nodiscard]] RangeAnswer read_range_header(std::string_view header, std::uint64_t size);

/// Content-Disposition that makes any client save `name`, whatever is in it.
[[nodiscard]] std::string attachment_header(std::string_view name);

/// Sends a file's bytes, or the part of them that was asked for, or 304 or 416.
awaitable<Outcome<net::HttpReply>> send_content(Files& files, Call const& call, StoredFile file);

}  // namespace bridge::local
