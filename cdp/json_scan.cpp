#include "cdp/json_scan.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bridge::cdp {
namespace {

constexpr auto npos = std::string_view::npos;

bool is_space(char c) {
  return static_cast<unsigned char>(c) <= ' ' &&  // most bytes are told by this alone
         (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Of eight bytes, those that a string does not simply go over, a quote, a backslash or a control
// character: the lowest bit that is set is in the first of them. None is set when there is none.
std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  auto const is_zero = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
  auto const special = is_zero(word ^ (kOnes * '"')) | is_zero(word ^ (kOnes * '\\')) |
                       ((word - kOnes * 0x20) & ~word);
  return special & kHigh;
}

#if defined(__SSE2__)
// Of sixteen, a bit each.
unsigned special_bytes(char const* bytes) {
  auto const all = _mm_loadu_si128(reinterpret_cast<__m128i const*>(bytes));
  auto const quote = _mm_cmpeq_epi8(all, _mm_set1_epi8('"'));
  auto const slash = _mm_cmpeq_epi8(all, _mm_set1_epi8('\\'));
  auto const control = _mm_cmpeq_epi8(_mm_min_epu8(all, _mm_set1_epi8(0x1F)), all);
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control)));
}
#endif

// Where the next special byte is, or few bytes are left.
std::size_t skip_plain(std::string_view text, std::size_t at) {
#if defined(__SSE2__)
  for (; text.size() - at >= 16; at += 16)
    if (auto const special = special_bytes(text.data() + at); special != 0)
      return at + static_cast<std::size_t>(std::countr_zero(special));
#endif
  for (; text.size() - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if (auto const special = special_bytes(word); special != 0)
      return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
  }
  return at;
}

std::size_t skip_any_string(std::string_view text, std::size_t at, std::size_t& bad_at) {
  while (at < text.size()) {
    at = skip_plain(text, at);
    if (at >= text.size()) break;
    char const c = text[at];
    if (c == '"') return at + 1;
    if (static_cast<unsigned char>(c) < 0x20) break;
    if (c != '\\') {
      ++at;
      continue;
    }
    if (at + 1 >= text.size()) break;
    char const escaped = text[at + 1];
    if (escaped == 'u') {
      for (std::size_t i = 2; i < 6; ++i) {
        if (at + i < text.size() && hex_value(text[at + i]) >= 0) continue;
        bad_at = at;
        return npos;
      }
      at += 6;
    } else if (std::string_view("\"\\/bfnrt").find(escaped) != npos) {
      at += 2;
    } else {
      break;
    }
  }
  bad_at = at;
  return npos;
}

// `at` is behind the opening quote. Most keys and many values are short and hold nothing special.
inline std::size_t skip_string(std::string_view text, std::size_t at, std::size_t& bad_at) {
#if defined(__SSE2__)
  if (text.size() - at >= 16) {
    auto const special = special_bytes(text.data() + at);
    auto const first = at + static_cast<std::size_t>(std::countr_zero(special));
    if (special != 0 && text[first] == '"') return first + 1;
  }
#endif
  return skip_any_string(text, at, bad_at);
}

// Chrome takes no number beyond a double's range. Its answer has no id, so nobody could be told: it
// must not get there.
bool beyond_double(std::string_view number, bool has_exponent) {
  bool const may_be = number.size() > 300 || has_exponent;
  return may_be && std::isinf(std::strtod(std::string(number).c_str(), nullptr));
}

std::size_t skip_number(std::string_view text, std::size_t at, std::size_t& bad_at) {
  auto const digits = [&] {
    auto const from = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > from;
  };
  bad_at = at;
  auto const begin = at;
  if (text[at] == '-') ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return npos;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return npos;
  }
  bool const has_exponent = at < text.size() && (text[at] == 'e' || text[at] == 'E');
  if (has_exponent) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return npos;
  }
  return beyond_double(text.substr(begin, at - begin), has_exponent) ? npos : at;
}

std::size_t skip_scalar(std::string_view text, std::size_t at, std::size_t& bad_at) {
  char const c = text[at];
  if (c == '"') return skip_string(text, at + 1, bad_at);
  if (c == '-' || is_digit(c)) return skip_number(text, at, bad_at);
  for (std::string_view const word : {"true", "false", "null"})
    if (text.substr(at, word.size()) == word) return at + word.size();
  bad_at = at;
  return npos;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto const put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0U | code >> 6);
    put(0x80U | (code & 0x3fU));
  } else if (code < 0x10000) {
    put(0xe0U | code >> 12);
    put(0x80U | (code >> 6 & 0x3fU));
    put(0x80U | (code & 0x3fU));
  } else {
    put(0xf0U | code >> 18);
    put(0x80U | (code >> 12 & 0x3fU));
    put(0x80U | (code >> 6 & 0x3fU));
    put(0x80U | (code & 0x3fU));
  }
}

std::optional<std::uint32_t> read_u_escape(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  std::uint32_t code = 0;
  for (std::size_t i = 2; i < 6; ++i) {
    auto const digit = hex_value(text[at + i]);
    if (digit < 0) return std::nullopt;
    code = code << 4 | static_cast<std::uint32_t>(digit);
  }
  return code;
}

}  // namespace

bool is_plain(std::string_view text) {
  auto at = skip_plain(text, 0);
  for (; at < text.size(); ++at)
    if (text[at] == '"' || text[at] == '\\' || static_cast<unsigned char>(text[at]) < 0x20)
      return false;
  return true;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// Iterative: one bit per level says whether it is an object, so hostile nesting cannot exhaust the
// stack.
std::size_t skip_value(std::string_view text, std::size_t at, std::size_t& bad_at) {
  bool object_at[kMaxDepth + 1];
  int depth = 0;
  bool want_key = false;
  for (;;) {
    at = skip_space(text, at);
    bad_at = at;
    if (at >= text.size()) return npos;
    if (want_key) {
      if (text[at] != '"') return npos;
      at = skip_string(text, at + 1, bad_at);
      if (at == npos) return npos;
      bad_at = at = skip_space(text, at);
      if (at >= text.size() || text[at] != ':') return npos;
      at = skip_space(text, at + 1);
      bad_at = at;
      if (at >= text.size()) return npos;
      want_key = false;
    }
    if (depth >= kMaxDepth) return npos;
    if (text[at] == '{' || text[at] == '[') {
      bool const object = text[at] == '{';
      object_at[++depth] = object;
      auto const inside = skip_space(text, at + 1);
      if (inside < text.size() && text[inside] == (object ? '}' : ']')) {
        at = inside + 1;
        --depth;
      } else {
        at = inside;
        want_key = object;
        continue;
      }
    } else {
      at = skip_scalar(text, at, bad_at);
      if (at == npos) return npos;
    }
    // A value has ended: close what ends with it, or go on behind a comma.
    for (;;) {
      if (depth == 0) return at;
      at = skip_space(text, at);
      bad_at = at;
      if (at >= text.size()) return npos;
      if (text[at] == ',') {
        ++at;
        want_key = object_at[depth];
        break;
      }
      if (text[at] != (object_at[depth] ? '}' : ']')) return npos;
      ++at;
      --depth;
    }
  }
}

bool JsonMember::is(std::string_view name) const {
  return key.find('\\') == npos ? key == name : decode_escapes(key) == name;
}

bool JsonObjectScan::fail(std::size_t at) {
  failed_ = true;
  at_ = at;
  return false;
}

bool JsonObjectScan::next(JsonMember& out) {
  if (failed_) return false;
  if (first_) {
    at_ = skip_space(text_, at_ + 1);
    if (at_ < text_.size() && text_[at_] == '}') {
      ++at_;
      return false;
    }
    first_ = false;
  } else {
    at_ = skip_space(text_, at_);
    if (at_ >= text_.size()) return fail(at_);
    if (text_[at_] == '}') {
      ++at_;
      return false;
    }
    if (text_[at_] != ',') return fail(at_);
    at_ = skip_space(text_, at_ + 1);
  }
  if (at_ >= text_.size() || text_[at_] != '"') return fail(at_);
  std::size_t bad_at = 0;
  auto const key_end = skip_string(text_, at_ + 1, bad_at);
  if (key_end == npos) return fail(bad_at);
  out.begin = at_;
  out.key = text_.substr(at_ + 1, key_end - at_ - 2);
  auto at = skip_space(text_, key_end);
  if (at >= text_.size() || text_[at] != ':') return fail(at);
  out.value_begin = skip_space(text_, at + 1);
  bool const is_string = out.value_begin < text_.size() && text_[out.value_begin] == '"';
  out.value_end = is_string ? skip_string(text_, out.value_begin + 1, bad_at)
                            : skip_value(text_, out.value_begin, bad_at);
  if (out.value_end == npos) return fail(bad_at);
  out.value = text_.substr(out.value_begin, out.value_end - out.value_begin);
  at_ = out.value_end;
  return true;
}

std::optional<std::string_view> find_member(std::string_view object, std::string_view key) {
  auto const at = skip_space(object, 0);
  if (at >= object.size() || object[at] != '{') return std::nullopt;
  JsonObjectScan scan(object, at);
  JsonMember member;
  while (scan.next(member)) {
    if (member.is(key)) return member.value;
  }
  return std::nullopt;
}

std::string decode_string(std::string_view raw) {
  if (raw.size() < 2 || raw.front() != '"' || raw.back() != '"') return {};
  return decode_escapes(raw.substr(1, raw.size() - 2));
}

std::string decode_escapes(std::string_view inside) {
  constexpr std::uint32_t kReplacement = 0xfffd;
  std::string out;
  out.reserve(inside.size());
  for (std::size_t at = 0; at < inside.size();) {
    if (inside[at] != '\\' || at + 1 >= inside.size()) {
      out += inside[at++];
      continue;
    }
    if (auto const code = read_u_escape(inside, at)) {
      at += 6;
      auto value = *code;
      if (value >= 0xd800 && value < 0xdc00) {
        auto const low = read_u_escape(inside, at);
        if (low && *low >= 0xdc00 && *low < 0xe000) {
          value = 0x10000 + ((value - 0xd800) << 10) + (*low - 0xdc00);
          at += 6;
        } else {
          value = kReplacement;
        }
      } else if (value >= 0xdc00 && value < 0xe000) {
        value = kReplacement;
      }
      append_utf8(out, value);
      continue;
    }
    switch (inside[at + 1]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      default:
        out += inside[at + 1];
    }
    at += 2;
  }
  return out;
}

std::string encode_string(std::string_view text) {
  std::string out = "\"";
  for (char const c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace bridge::cdp
