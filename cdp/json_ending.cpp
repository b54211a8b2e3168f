#include "cdp/json_ending.hpp"

#include <algorithm>
#include <cstring>

namespace bridge::cdp {
namespace {

constexpr std::size_t kUtf8Max = 4;

char const* find(char const* at, char const* end, char c) {
  auto const* found = std::memchr(at, c, static_cast<std::size_t>(end - at));
  return found != nullptr ? static_cast<char const*>(found) : end;
}

unsigned hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  return (static_cast<unsigned>(c) | 0x20U) - 'a' + 10;
}

bool is_high(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

// What makes the last character whole, when only a part of its bytes is there.
std::string rest_of_utf8(std::string_view bytes) {
  std::size_t continuing = 0;
  while (continuing < bytes.size() &&
         (static_cast<unsigned char>(bytes[bytes.size() - 1 - continuing]) & 0xC0U) == 0x80U)
    ++continuing;
  if (continuing == bytes.size()) return {};
  auto const first = static_cast<unsigned char>(bytes[bytes.size() - 1 - continuing]);
  std::size_t const length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (length <= continuing + 1) return {};
  std::string rest(length - 1 - continuing, '\x80');
  // Shorter forms of a character are not allowed.
  if (continuing == 0 && first == 0xE0) rest[0] = '\xA0';
  if (continuing == 0 && first == 0xF0) rest[0] = '\x90';
  return rest;
}

}  // namespace

void JsonEnding::open(bool object) {
  ++depth_;
  if (depth_ < kDepthMax) objects_[depth_] = object;
  in_ = object ? In::key : In::value;
}

void JsonEnding::close() {
  if (depth_ > 0) --depth_;
  in_ = In::next;
}

void JsonEnding::begin_value(char c) {
  switch (c) {
    case '{':
      return open(true);
    case '[':
      return open(false);
    case ']':
      return close();  // of an empty array
    case '"':
      in_key_ = false;
      in_ = In::string;
      return;
    case 't':
      word_left_ = "rue";
      in_ = In::word;
      return;
    case 'f':
      word_left_ = "alse";
      in_ = In::word;
      return;
    case 'n':
      word_left_ = "ull";
      in_ = In::word;
      return;
    default:
      number_is_whole_ = c != '-';
      in_ = In::number;
  }
}

// A character outside of strings.
void JsonEnding::take(char c) {
  bool const space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
  if (in_ == In::number) {
    bool const digit = c >= '0' && c <= '9';
    bool const part = digit || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
    if (part) number_is_whole_ = digit;
    if (part) return;
    in_ = In::next;
  }
  if (space) return;
  switch (in_) {
    case In::value:
      return begin_value(c);
    case In::key:
      if (c == '}') return close();
      in_key_ = true;
      in_ = In::string;
      return;
    case In::colon:
      in_ = In::value;
      return;
    case In::word:
      word_left_.remove_prefix(1);
      if (word_left_.empty()) in_ = In::next;
      return;
    case In::next:
      if (c != ',') return close();
      in_ = in_object() ? In::key : In::value;
      return;
    case In::string:
    case In::escape:
    case In::unicode:
    case In::number:
      return;
  }
}

void JsonEnding::take_string(char const*& at, char const* end) {
  auto const* quote = at;
  auto const* slash = at;
  bool sought = false;
  while (at != end) {
    if (in_ == In::escape) {
      digits_left_ = 4;
      unit_ = 0;
      in_ = *at++ == 'u' ? In::unicode : In::string;
      continue;
    }
    if (in_ == In::unicode) {
      unit_ = unit_ * 16 + hex_digit(*at++);
      if (--digits_left_ > 0) continue;
      needs_low_ = !needs_low_ && is_high(unit_);
      in_ = In::string;
      continue;
    }
    if (needs_low_ && *at != '\\') needs_low_ = false;  // it stays alone
    // Each is sought from where it was found last, so that every byte is looked at twice at most.
    if (!sought || quote < at) quote = find(at, end, '"');
    if (!sought || slash < at) slash = find(at, end, '\\');
    sought = true;
    auto const* const first = std::min(quote, slash);
    at = first;
    if (first == end) return;
    ++at;
    if (first == slash) {
      in_ = In::escape;
      continue;
    }
    in_ = in_key_ ? In::colon : In::next;
    return;
  }
}

void JsonEnding::pass(std::string_view piece) {
  auto const* at = piece.data();
  auto const* const end = at + piece.size();
  while (at != end) {
    if (in_ == In::string || in_ == In::escape || in_ == In::unicode) {
      take_string(at, end);
    } else {
      take(*at++);
    }
  }
  last_bytes_.append(piece.substr(piece.size() - std::min(piece.size(), kUtf8Max)));
  if (last_bytes_.size() > kUtf8Max) last_bytes_.erase(0, last_bytes_.size() - kUtf8Max);
}

// Of an escape that is cut, and of the surrogate pair that it may begin.
std::string JsonEnding::rest_of_unicode() const {
  constexpr std::string_view kLow = "dc00";
  if (in_ == In::string) return needs_low_ ? "\\udc00" : "";
  if (in_ == In::escape) return needs_low_ ? "udc00" : "\\";
  if (needs_low_) return std::string(kLow.substr(kLow.size() - digits_left_));
  std::string zeros(digits_left_, '0');
  return is_high(unit_ << (4 * digits_left_)) ? zeros + "\\udc00" : zeros;
}

std::optional<std::string> JsonEnding::end_with(std::string_view member) const {
  if (depth_ == 0 || depth_ >= kDepthMax) return std::nullopt;
  std::string out;
  switch (in_) {
    case In::escape:
    case In::unicode:
      out = rest_of_unicode() + '"';
      break;
    case In::string:
      out = rest_of_utf8(last_bytes_) + rest_of_unicode() + '"';
      break;
    case In::number:
      out = number_is_whole_ ? "" : "0";
      break;
    case In::word:
      out = word_left_;
      break;
    case In::value:
      out = "0";
      break;
    case In::key:
      out = "\"\":0";
      break;
    case In::colon:
      out = ":0";
      break;
    case In::next:
      break;
  }
  bool const was_key = in_key_ && (in_ == In::string || in_ == In::escape || in_ == In::unicode);
  if (was_key) out += ":0";
  for (auto depth = depth_; depth > 1; --depth) out += objects_[depth] ? '}' : ']';
  out += ',';
  out += member;
  out += '}';
  return out;
}

}  // namespace bridge::cdp
