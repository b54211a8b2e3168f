#include "tests/fuzz/documents.hpp"

#include <algorithm>
#include <cmath>

#include "net/url.hpp"
#include "tests/fuzz/checks.hpp"

namespace bridge::fuzz {
namespace {

constexpr int kNestingJudged = 250;

bool nests_deeply(std::string_view text) {
  int depth = 0;
  int most = 0;
  for (char const c : text) {
    if (c == '[' || c == '{') most = std::max(most, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return most > kNestingJudged;
}

}  // namespace

bool is_judged(std::string_view text) {
  return net::is_utf8(text) && !nests_deeply(text) && !text.starts_with("\xef\xbb\xbf") &&
         text.find('\0') == std::string_view::npos;
}

std::string without_surrogates(std::string_view text) {
  std::string out(text);
  for (std::size_t at = out.find("\\u"); at != std::string::npos; at = out.find("\\u", at + 1)) {
    auto const hex = out.substr(at + 2, 4);
    bool const whole =
        hex.size() == 4 && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (whole && (hex[0] == 'd' || hex[0] == 'D') && hex[1] >= '8') out.replace(at + 2, 4, "fffd");
  }
  return out;
}

std::optional<Document> parse(std::string_view text) {
  using nlohmann::json;
  Document out;
  auto const look = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) {
      auto key = parsed.get<std::string>();
      out.repeated |= std::find(out.keys.begin(), out.keys.end(), key) != out.keys.end();
      out.keys.push_back(std::move(key));
    }
    return true;
  };
  out.value = json::parse(text, look, false);
  if (out.value.is_discarded()) return std::nullopt;
  return out;
}

bool is_int32(nlohmann::json const& value) {
  if (!value.is_number()) return false;
  auto const number = value.get<double>();
  return number == std::trunc(number) && number >= -2147483648.0 && number <= 2147483647.0;
}

}  // namespace bridge::fuzz
