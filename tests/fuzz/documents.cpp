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

// Any \ud8xx to \udfxx counts: a pair costs us one text, a lone one would be a false alarm.
bool has_surrogate(std::string_view text) {
  for (std::size_t at = text.find("\\u"); at != std::string_view::npos;
       at = text.find("\\u", at + 1)) {
    auto const hex = text.substr(at + 2, 2);
    if (hex.size() == 2 && (hex[0] == 'd' || hex[0] == 'D') && !(hex[1] >= '0' && hex[1] <= '7'))
      return true;
  }
  return false;
}

}  // namespace

bool is_judged(std::string_view text) {
  return net::is_utf8(text) && !nests_deeply(text) && !has_surrogate(text) &&
         !text.starts_with("\xef\xbb\xbf") && text.find('\0') == std::string_view::npos;
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
