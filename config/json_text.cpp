#include "config/json_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "config/expand.hpp"
#include "config/utf8.hpp"

namespace bridge::config {
namespace {

using Json = nlohmann::ordered_json;
using yaml::Value;

constexpr std::string_view kDigits = "0123456789";

template <class Number>
bool parse_whole(std::string_view text, Number& out) {
  auto const end = text.data() + text.size();
  auto const [rest, failure] = std::from_chars(text.data(), end, out);
  return failure == std::errc{} && rest == end;
}

/// Digits that YAML 1.1 and 1.2 read differently (010 is 8 or 10), or that JSON cannot say.
bool is_ambiguous(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF") return true;
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  if (text.size() < 2) return false;
  if (text.front() == '0' && text.find_first_not_of(kDigits) == std::string_view::npos) return true;
  return text.starts_with("0x") || text.starts_with("0o");
}

bool looks_like_number(std::string_view text) {
  auto body = text;
  if (body.starts_with('-') || body.starts_with('+')) body.remove_prefix(1);
  if (body.empty() || body.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return false;
  auto const first = body.find_first_of(kDigits);
  if (first == std::string_view::npos || (first != 0 && body.front() != '.')) return false;
  double value = 0;
  auto const end = body.data() + body.size();
  auto const [rest, failure] = std::from_chars(body.data(), end, value);
  return rest == end && failure != std::errc::invalid_argument;
}

class Writer {
 public:
  Writer(Env const& env, ReportProblem const& report) : env_(env), report_(report) {}

  // yaml::parse bounds the depth.
  [[nodiscard]] Json value(Value const& node) const {
    switch (node.kind) {
      case Value::Kind::null:
        return nullptr;
      case Value::Kind::scalar:
        return node.plain ? plain(node) : text(node);
      case Value::Kind::list:
        return list(node);
      case Value::Kind::map:
        return map(node);
    }
    return nullptr;
  }

 private:
  [[nodiscard]] Json list(Value const& node) const {
    auto out = Json::array();
    for (auto const& item : node.children) out.push_back(value(item));
    return out;
  }
  [[nodiscard]] Json map(Value const& node) const {
    auto out = Json::object();
    for (auto const& entry : node.children) out[entry.key] = value(entry);
    return out;
  }
  [[nodiscard]] Json text(Value const& node) const {
    std::string out;
    auto objection = expand(node.text, env_, out);
    if (!objection && first_bad_byte(out))
      objection = "must be UTF-8 text without control characters";
    if (!objection) return out;
    report_(node.place, std::move(*objection));
    return nullptr;
  }
  [[nodiscard]] Json plain(Value const& node) const {
    auto const& word = node.text;
    if (word == "true" || word == "True" || word == "TRUE") return true;
    if (word == "false" || word == "False" || word == "FALSE") return false;
    if (is_ambiguous(word))
      return refuse(node,
                    "is read as different numbers by different programs; write it in decimal, or "
                    "in quotes for text");
    if (!looks_like_number(word)) return text(node);
    auto const digits =
        word.starts_with('+') ? std::string_view(word).substr(1) : std::string_view(word);
    if (std::int64_t number = 0; parse_whole(digits, number)) return number;
    if (std::uint64_t number = 0; parse_whole(digits, number)) return number;
    auto const whole = digits.find_first_of(".eE") == std::string_view::npos;
    double number = 0;
    if (!whole && parse_whole(digits, number)) return number;
    return refuse(node, "does not fit; put it in quotes for text");
  }
  [[nodiscard]] Json refuse(Value const& node, char const* why) const {
    report_(node.place, fmt::format("this number {}", why));
    return nullptr;
  }

  Env const& env_;
  ReportProblem const& report_;
};

void mask_strings(Json& value) {
  if (value.is_string()) value = "***";
  if (value.is_structured()) {
    for (auto& child : value) mask_strings(child);
  }
}

}  // namespace

std::string json_text(Value const& map, Env const& env, ReportProblem const& report) {
  return Writer(env, report).value(map).dump();
}

std::string masked_json(std::string const& json) {
  auto value = Json::parse(json, nullptr, false);
  if (value.is_discarded()) return "***";
  mask_strings(value);
  return value.dump();
}

}  // namespace bridge::config
