#include "net/block_queue.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bridge::net {

BlockPool::Block BlockPool::take() {
  if (spare_.empty())
    return Block(new char[kBlockBytes]);  // unlike make_unique, does not zero 64 KiB
  auto block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

void BlockPool::give(Block block) {
  if (spare_.size() < kKept) spare_.push_back(std::move(block));
}

std::span<char> BlockQueue::room() {
  if (pieces_.size() == first_ || pieces_.back().end == BlockPool::kBlockBytes)
    pieces_.push_back(Piece{pool_.take(), 0, 0});
  auto& tail = pieces_.back();
  return {tail.block.get() + tail.end, BlockPool::kBlockBytes - tail.end};
}

void BlockQueue::grow(std::size_t bytes) {
  pieces_.back().end += static_cast<std::uint32_t>(bytes);
  bytes_ += bytes;
}

void BlockQueue::append(std::string_view bytes) {
  if (first_ < pieces_.size()) {  // it fits, most of the time
    auto& tail = pieces_.back();
    if (BlockPool::kBlockBytes - tail.end >= bytes.size()) {
      std::memcpy(tail.block.get() + tail.end, bytes.data(), bytes.size());
      return grow(bytes.size());
    }
  }
  while (!bytes.empty()) {
    auto const to = room();
    auto const n = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), n);
    grow(n);
    bytes.remove_prefix(n);
  }
}

std::span<char> BlockQueue::claim(std::size_t bytes) {
  constexpr std::size_t kMost = 4096;  // of a block that may stay empty at its end
  if (bytes > kMost) return {};
  bool const fits = first_ < pieces_.size() && BlockPool::kBlockBytes - pieces_.back().end >= bytes;
  if (!fits) pieces_.push_back(Piece{pool_.take(), 0, 0});
  auto& tail = pieces_.back();
  std::span const room(tail.block.get() + tail.end, bytes);
  grow(bytes);
  return room;
}

unsigned BlockQueue::append_masked(std::string_view bytes, std::uint32_t mask, unsigned phase) {
  while (!bytes.empty()) {
    auto const to = room();
    auto const n = std::min(to.size(), bytes.size());
    // Rotate the key so that its first byte fits this position, then eight bytes at a time.
    auto const key = std::rotr(mask, static_cast<int>(8 * phase));
    auto const wide = (static_cast<std::uint64_t>(key) << 32) | key;
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, 8);
      word ^= wide;
      std::memcpy(to.data() + i, &word, 8);
    }
    for (; i < n; ++i)
      to[i] = static_cast<char>(bytes[i] ^ static_cast<char>(key >> (8 * (i % 4))));
    phase = static_cast<unsigned>((phase + n) % 4);
    grow(n);
    bytes.remove_prefix(n);
  }
  return phase;
}

std::size_t BlockQueue::peek(std::span<boost::asio::const_buffer> out) const {
  std::size_t n = 0;
  for (auto i = first_; i < pieces_.size() && n < out.size(); ++i, ++n)
    out[n] = {pieces_[i].block.get() + pieces_[i].begin, pieces_[i].end - pieces_[i].begin};
  return n;
}

void BlockQueue::consume(std::size_t bytes) {
  bytes_ -= bytes;
  while (bytes > 0) {
    auto& head = pieces_[first_];
    auto const n = std::min<std::size_t>(bytes, head.end - head.begin);
    head.begin += static_cast<std::uint32_t>(n);
    bytes -= n;
    if (head.begin < head.end) break;
    pool_.give(std::move(head.block));
    ++first_;
  }
  if (first_ == pieces_.size()) {
    pieces_.clear();
    first_ = 0;
  } else if (first_ >= 1024) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void BlockQueue::clear() {
  for (auto i = first_; i < pieces_.size(); ++i) pool_.give(std::move(pieces_[i].block));
  pieces_.clear();
  first_ = 0;
  bytes_ = 0;
}

}  // namespace bridge::net
