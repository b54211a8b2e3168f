#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace bridge::config {
namespace {

constexpr std::size_t kFarthest = 2;
constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kLongestQuote = 60;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto const replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest_word(std::string_view word,
                              std::vector<std::string_view> const& candidates) {
  std::string_view best;
  if (word.size() > kLongestWord) return best;
  auto least = kFarthest + 1;
  for (auto const candidate : candidates) {
    auto const distance = edit_distance(word, candidate);
    // Two letters off "id" is any two-letter word: half of the word has to stay.
    if (distance < least && distance * 2 <= candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char const c : text.substr(0, kLongestQuote)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  if (text.size() > kLongestQuote) {
    // Do not leave half a UTF-8 sequence at the cut.
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    for (auto at = kLongestQuote; at > 0 && (byte(at) & 0xc0) == 0x80; --at) out.pop_back();
    out += "...";
  }
  return out + "\"";
}

}  // namespace bridge::config
