#include "local/punycode.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace bridge::local {
namespace {

// RFC 3492, section 5.
constexpr std::uint32_t kBase = 36;
constexpr std::uint32_t kLeast = 1;
constexpr std::uint32_t kMost = 26;
constexpr std::uint32_t kSkew = 38;
constexpr std::uint32_t kDamp = 700;
constexpr std::uint32_t kFirstBias = 72;
constexpr std::uint32_t kFirst = 128;
constexpr std::size_t kLabelMax = 63;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < kFirst; });
}

// Of the scripts that have two cases and are common in names; others come in lower case.
char32_t lower(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 0x20;
  if (c >= 0xc0 && c <= 0xde && c != 0xd7) return c + 0x20;
  if (c >= 0x391 && c <= 0x3a9) return c + 0x20;
  if (c >= 0x400 && c <= 0x40f) return c + 0x50;
  if (c >= 0x410 && c <= 0x42f) return c + 0x20;
  return c;
}

std::optional<std::u32string> characters_of(std::string_view text) {
  std::u32string all;
  for (std::size_t i = 0; i < text.size();) {
    auto const first = static_cast<unsigned char>(text[i]);
    std::size_t const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (i + size > text.size()) return std::nullopt;
    char32_t c = size == 1 ? first : first & (0xffU >> (size + 1));
    for (std::size_t k = 1; k < size; ++k)
      c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    all += lower(c);
    i += size;
  }
  return all;
}

std::uint32_t adapted(std::uint32_t delta, std::uint32_t count, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / count;
  std::uint32_t k = 0;
  for (; delta > (kBase - kLeast) * kMost / 2; k += kBase) delta /= kBase - kLeast;
  return k + (kBase - kLeast + 1) * delta / (delta + kSkew);
}

char digit(std::uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}

void put_number(std::string& to, std::uint32_t number, std::uint32_t bias) {
  for (std::uint32_t k = kBase;; k += kBase) {
    auto const threshold = k <= bias ? kLeast : std::min(k - bias, kMost);
    if (number < threshold) break;
    to += digit(threshold + (number - threshold) % (kBase - threshold));
    number = (number - threshold) / (kBase - threshold);
  }
  to += digit(number);
}

std::string encoded(std::u32string const& label) {
  std::string text;
  for (auto const c : label)
    if (c < kFirst) text += static_cast<char>(c);
  auto const plain = static_cast<std::uint32_t>(text.size());
  if (plain > 0) text += '-';
  std::uint32_t at = kFirst;
  std::uint32_t delta = 0;
  std::uint32_t bias = kFirstBias;
  for (std::uint32_t done = plain; done < label.size();) {
    char32_t next = 0x110000;
    for (auto const c : label)
      if (c >= at && c < next) next = c;
    delta += (static_cast<std::uint32_t>(next) - at) * (done + 1);
    at = static_cast<std::uint32_t>(next);
    for (auto const c : label) {
      if (c < at) ++delta;
      if (c != at) continue;
      put_number(text, delta, bias);
      bias = adapted(delta, done + 1, done == plain);
      delta = 0;
      ++done;
    }
    ++delta;
    ++at;
  }
  return "xn--" + text;
}

std::string canonical_label(std::string_view label) {
  std::string plain(label);
  std::transform(plain.begin(), plain.end(), plain.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c; });
  if (is_ascii(label) || label.size() > 4 * kLabelMax || label.find('*') != std::string_view::npos)
    return plain;
  auto const characters = characters_of(label);
  return characters ? encoded(*characters) : plain;
}

}  // namespace

std::string canonical_host(std::string_view host) {
  std::string made;
  for (;;) {
    auto const dot = host.find('.');
    made += canonical_label(host.substr(0, dot));
    if (dot == std::string_view::npos) return made;
    made += '.';
    host.remove_prefix(dot + 1);
  }
}

}  // namespace bridge::local
