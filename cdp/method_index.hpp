#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace bridge::cdp {

/// Finds the row of a method in a table that is known when we are built: a few operations and one
/// comparison, as it is done for every command. A row has a member `method`, of 8 bytes or more.
template <class Row, std::size_t N>
class MethodIndex {
 public:
  explicit constexpr MethodIndex(std::array<Row, N> const& rows) : rows_(rows) {
    for (std::size_t i = 0; i < N; ++i) {
      if (rows[i].method.size() < kTail) throw "a method too short for its hash";
      auto at = slot_of(rows[i].method);
      while (slots_[at] != 0) at = (at + 1) % kSlots;
      slots_[at] = static_cast<std::uint16_t>(i + 1);
    }
  }

  /// Null: there is none.
  [[nodiscard]] constexpr Row const* find(std::string_view method) const {
    if (method.size() < kTail) return nullptr;
    for (auto at = slot_of(method); slots_[at] != 0; at = (at + 1) % kSlots) {
      auto const& row = rows_[slots_[at] - 1U];
      if (row.method == method) return &row;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kTail = 8;
  static constexpr unsigned kBits = N < 64 ? 8 : 10;  // a quarter full at most
  static constexpr std::size_t kSlots = std::size_t{1} << kBits;
  static_assert(4 * N <= kSlots);

  static constexpr std::size_t slot_of(std::string_view method) {
    auto const tail = method.substr(method.size() - kTail);
    std::uint64_t word = 0;
    if (std::is_constant_evaluated()) {
      for (std::size_t i = kTail; i-- > 0;) word = word << 8 | static_cast<unsigned char>(tail[i]);
    } else {
      std::memcpy(&word, tail.data(), kTail);
    }
    return static_cast<std::size_t>((word + method.size()) * 0x9E3779B97F4A7C15U >> (64 - kBits));
  }

  std::array<Row, N> const& rows_;
  std::array<std::uint16_t, kSlots> slots_{};
};

}  // namespace bridge::cdp
