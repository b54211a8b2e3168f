#include "config/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace bridge::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first: printing takes the first that divides.
constexpr std::array kDurations{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                                Unit{"ms", 1}};
constexpr std::array kSizes{Unit{"GiB", 1ULL << 30}, Unit{"MiB", 1ULL << 20},
                            Unit{"KiB", 1ULL << 10}, Unit{"", 1}};

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

template <class Units>
std::optional<std::uint64_t> parse(std::string_view text, Units const& units) {
  std::uint64_t number = 0;
  auto const end = text.data() + text.size();
  auto const [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{}) return std::nullopt;
  std::string_view const name(rest, static_cast<std::size_t>(end - rest));
  for (auto const& unit : units) {
    if (unit.name != name) continue;
    if (number > kMost / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

template <class Units>
std::string print(std::uint64_t value, Units const& units) {
  for (auto const& unit : units) {
    if (value >= unit.factor && value % unit.factor == 0)
      return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("0{}", units.back().name);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  auto const value = parse(text, kDurations);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

std::string print_duration(std::chrono::milliseconds value) {
  return print(static_cast<std::uint64_t>(value.count()), kDurations);
}

std::optional<std::size_t> parse_size(std::string_view text) {
  return parse(text, kSizes);
}

std::string print_size(std::size_t bytes) {
  return print(bytes, kSizes);
}

}  // namespace bridge::config
