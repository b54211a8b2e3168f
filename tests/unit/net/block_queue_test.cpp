#include "net/block_queue.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

namespace bridge::net {
namespace {

constexpr auto kBlock = BlockPool::kBlockBytes;

/// Everything that waits, as peek() shows it.
std::string content(BlockQueue const& queue) {
  std::array<boost::asio::const_buffer, 4096> pieces;
  auto const n = queue.peek(pieces);
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(pieces[i].size() > 0);
    out.append(static_cast<char const*>(pieces[i].data()), pieces[i].size());
  }
  return out;
}

std::string random_bytes(std::mt19937& random, std::size_t n) {
  std::string out(n, '\0');
  for (auto& c : out) c = static_cast<char>(random());
  return out;
}

}  // namespace

TEST_CASE("block_queue: bytes come out as they went in, across blocks") {
  BlockPool pool;
  BlockQueue queue(pool);
  CHECK(queue.empty());
  std::mt19937 random(1);
  auto const big = random_bytes(random, 3 * kBlock + 17);
  queue.append("ab");
  queue.append("");
  queue.append(big);
  CHECK(queue.bytes() == 2 + big.size());
  CHECK(content(queue) == "ab" + big);
  queue.consume(1);
  queue.consume(kBlock);
  CHECK(content(queue) == ("ab" + big).substr(kBlock + 1));
  queue.consume(queue.bytes());
  CHECK(queue.empty());
  CHECK(content(queue).empty());
}

TEST_CASE("block_queue: peek shows no more pieces than asked for") {
  BlockPool pool;
  BlockQueue queue(pool);
  queue.append(std::string(3 * kBlock, 'x'));
  std::array<boost::asio::const_buffer, 2> pieces;
  CHECK(queue.peek(pieces) == 2);
  CHECK(boost::asio::buffer_size(pieces) == 2 * kBlock);
}

TEST_CASE("block_queue: appending leaves alone what peek showed") {
  BlockPool pool;
  BlockQueue queue(pool);
  queue.append("first");
  std::array<boost::asio::const_buffer, 1> before;
  REQUIRE(queue.peek(before) == 1);
  for (int i = 0; i < 100; ++i) queue.append(std::string(kBlock, 'x'));
  CHECK(std::string_view(static_cast<char const*>(before[0].data()), before[0].size()) == "first");
}

TEST_CASE("block_queue: masked bytes are the XOR, whatever the pieces and phases") {
  BlockPool pool;
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    BlockQueue queue(pool);
    auto const mask = static_cast<std::uint32_t>(random());
    std::array<unsigned char, 4> key{};
    std::memcpy(key.data(), &mask, 4);
    std::string expected;
    unsigned phase = 0;
    for (int piece = 0; piece < 5; ++piece) {
      auto const bytes = random_bytes(random, piece == 3 ? kBlock - random() % 20 : random() % 40);
      phase = queue.append_masked(bytes, mask, phase);
      for (char const c : bytes)
        expected += static_cast<char>(static_cast<unsigned char>(c) ^ key[expected.size() % 4]);
      REQUIRE(phase == expected.size() % 4);
    }
    REQUIRE(content(queue) == expected);
  }
}

TEST_CASE("block_queue: blocks go back to the pool, which keeps a bounded number") {
  BlockPool pool;
  {
    BlockQueue queue(pool);
    queue.append(std::string(4 * kBlock, 'x'));
    CHECK(pool.spare() == 0);
    queue.consume(2 * kBlock);
    CHECK(pool.spare() == 2);
    queue.append("y");
    CHECK(pool.spare() == 1);
    queue.clear();
    CHECK(queue.empty());
    CHECK(pool.spare() == 4);
    queue.append("z");
    CHECK(pool.spare() == 3);
  }
  CHECK(pool.spare() == 4);
  {
    BlockQueue queue(pool);
    queue.append(std::string(200 * kBlock, 'x'));
  }
  CHECK(pool.spare() == BlockPool::kKept);
}

TEST_CASE("block_queue: random appends and consumes agree with a plain string") {
  BlockPool pool;
  BlockQueue queue(pool);
  std::mt19937 random(3);
  std::string model;
  for (int i = 0; i < 3000; ++i) {
    if (random() % 2 == 0 && model.size() < 4 * kBlock) {
      auto const bytes =
          random_bytes(random, random() % 8 == 0 ? random() % (2 * kBlock) : random() % 50);
      queue.append(bytes);
      model += bytes;
    } else {
      auto const n = random() % 4 == 0 ? model.size() : random() % (model.size() + 1);
      queue.consume(n);
      model.erase(0, n);
    }
    REQUIRE(queue.bytes() == model.size());
    REQUIRE(content(queue) == model);
  }
}

TEST_CASE("block_queue: thousands of blocks pass through") {
  BlockPool pool;
  BlockQueue queue(pool);
  std::string const block(kBlock, 'x');
  for (int i = 0; i < 1100; ++i) queue.append(block);
  queue.consume(1050 * kBlock + 5);
  queue.append("end");
  CHECK(queue.bytes() == 50 * kBlock - 5 + 3);
  CHECK(content(queue).ends_with("xend"));
  queue.consume(queue.bytes());
  CHECK(queue.empty());
}

}  // namespace bridge::net
