#pragma once

#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace bridge::net {

/// Spare blocks of one Loop. Blocks go back here when sent; at most kKept stay, so that one large
/// reply does not pin its memory for ever.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;
  static constexpr std::size_t kKept = 32;
  using Block = std::unique_ptr<char[]>;

  [[nodiscard]] Block take();
  void give(Block block);
  [[nodiscard]] std::size_t spare() const { return spare_.size(); }

 private:
  std::vector<Block> spare_;
};

/// Bytes waiting for one socket, in blocks of the pool. Appending copies; sending reads in place.
class BlockQueue {
 public:
  explicit BlockQueue(BlockPool& pool) : pool_(pool) {}
  ~BlockQueue() { clear(); }
  BlockQueue(BlockQueue const&) = delete;
  BlockQueue& operator=(BlockQueue const&) = delete;

  void append(std::string_view bytes);
  /// Room in one piece behind what waits, for the caller to fill before it does anything else.
  /// Empty: `bytes` are too many for that.
  [[nodiscard]] std::span<char> claim(std::size_t bytes);
  /// Appends `bytes` XORed with the four mask bytes, starting at mask byte `phase`. Returns the
  /// next phase.
  unsigned append_masked(std::string_view bytes, std::uint32_t mask, unsigned phase);

  /// The first up to `out.size()` pieces waiting. Valid until consume() or clear(); append() leaves
  /// them alone.
  std::size_t peek(std::span<boost::asio::const_buffer> out) const;
  void consume(std::size_t bytes);
  void clear();
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_ == 0; }

 private:
  struct Piece {
    BlockPool::Block block;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  /// Room at the tail, at least one byte.
  std::span<char> room();
  void grow(std::size_t bytes);

  BlockPool& pool_;
  std::vector<Piece> pieces_;  // pieces_[first_..] hold bytes
  std::size_t first_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace bridge::net
