#pragma once

#include <cstdint>
#include <string_view>

namespace bridge::local {

/// Finds the end of the n-th WebSocket frame (RFC 6455 section 5.2) in a byte stream of a server,
/// for faults that cut a connection there.
class FrameCounter {
 public:
  explicit FrameCounter(std::int64_t frames) : left_(frames) {}

  /// How many of these next bytes belong to the frames; fewer than all when the last has ended.
  [[nodiscard]] std::size_t take(std::string_view bytes);
  [[nodiscard]] bool done() const { return left_ <= 0; }

 private:
  std::int64_t left_;
  std::uint64_t payload_left_ = 0;
  std::size_t header_size_ = 2;
  std::size_t header_seen_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace bridge::local
