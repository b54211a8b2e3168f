#include "local/frame_counter.hpp"

#include <algorithm>

namespace bridge::local {
namespace {

constexpr std::uint64_t kLength16 = 126;
constexpr std::uint64_t kLength64 = 127;

}  // namespace

std::size_t FrameCounter::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !done()) {
    if (payload_left_ > 0) {
      auto const part = std::min<std::uint64_t>(payload_left_, bytes.size() - taken);
      payload_left_ -= part;
      taken += static_cast<std::size_t>(part);
      if (payload_left_ == 0) --left_;
      continue;
    }
    auto const byte = static_cast<unsigned char>(bytes[taken++]);
    ++header_seen_;
    if (header_seen_ == 2) {
      // A server never masks.
      std::uint64_t const length = byte & 0x7fU;
      header_size_ = length == kLength64 ? 10 : length == kLength16 ? 4 : 2;
      length_ = header_size_ == 2 ? length : 0;
    } else if (header_seen_ > 2) {
      length_ = (length_ << 8U) | byte;
    }
    if (header_seen_ < header_size_ || header_seen_ < 2) continue;
    payload_left_ = length_;
    if (payload_left_ == 0) --left_;
    header_seen_ = 0;
    header_size_ = 2;
    length_ = 0;
  }
  return taken;
}

}  // namespace bridge::local
