#include "local/text.hpp"

#include <algorithm>
#include <cctype>

namespace bridge::local {

std::size_t length_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char const c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool is_uri(std::string_view text) {
  auto const colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  auto const scheme = text.substr(0, colon);
  bool const named = std::isalpha(static_cast<unsigned char>(scheme.front())) != 0 &&
                     std::all_of(scheme.begin(), scheme.end(), [](unsigned char const c) {
                       return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
                     });
  return named && std::all_of(text.begin(), text.end(),
                              [](unsigned char const c) { return c > 0x20 && c != 0x7f; });
}

}  // namespace bridge::local
