#include "config/utf8.hpp"

#include <cstdint>

namespace bridge::config {
namespace {

/// A sequence's length and the smallest code point that may be written with it.
struct Shape {
  std::size_t length;
  std::uint32_t first_bits;
  std::uint32_t least;
};

std::optional<Shape> shape_of(unsigned char lead) {
  if (lead < 0x80) return Shape{1, lead, 0};
  if ((lead & 0xe0) == 0xc0) return Shape{2, lead & 0x1fU, 0x80};
  if ((lead & 0xf0) == 0xe0) return Shape{3, lead & 0x0fU, 0x800};
  if ((lead & 0xf8) == 0xf0) return Shape{4, lead & 0x07U, 0x10000};
  return std::nullopt;
}

bool is_text(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  auto const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code != 0x7f && !surrogate && code <= 0x10ffff;
}

}  // namespace

std::optional<std::size_t> first_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    auto const shape = shape_of(static_cast<unsigned char>(text[at]));
    if (!shape || at + shape->length > text.size()) return at;
    auto code = shape->first_bits;
    for (std::size_t next = 1; next < shape->length; ++next) {
      auto const byte = static_cast<unsigned char>(text[at + next]);
      if ((byte & 0xc0) != 0x80) return at;
      code = (code << 6) | (byte & 0x3fU);
    }
    if (code < shape->least || !is_text(code)) return at;
    at += shape->length;
  }
  return std::nullopt;
}

}  // namespace bridge::config
