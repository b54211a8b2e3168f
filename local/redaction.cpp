#include "local/redaction.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/redact.hpp"

namespace bridge::local {
namespace {

// Shorter ones are parts of ordinary words.
constexpr std::size_t kPartMin = 5;
constexpr std::size_t kBeginning = 2048;
constexpr std::size_t kMembersMax = 20;
constexpr std::array<std::string_view, 8> kSecretNames{
    "password", "passwd", "secret", "token", "apikey", "authorization", "cookie", "privatekey"};

// "X-Api-Key", "api_key" and "apiKey" are the same name.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (char const c : name) {
    if (c == '-' || c == '_') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

// A number beside "token" is a count of them, "maxTokens", and hides nothing.
bool is_secret(std::string_view name, Json const& member) {
  if (member.is_null() || member.is_boolean()) return false;
  auto const plain = plain_name(name);
  return std::any_of(kSecretNames.begin(), kSecretNames.end(), [&](std::string_view known) {
    if (member.is_number() && known == "token") return false;
    return plain.find(known) != std::string::npos;
  });
}

}  // namespace

Redaction::Redaction(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {
  std::erase(secrets_, "");
  std::sort(
      secrets_.begin(), secrets_.end(),
      [](std::string const& left, std::string const& right) { return left.size() > right.size(); });
}

std::string Redaction::without_secrets(std::string text) const {
  for (auto const& secret : secrets_) {
    if (text == secret) return std::string(kHidden);
    if (secret.size() < kPartMin) continue;
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos;
         at += kHidden.size())
      text.replace(at, secret.size(), kHidden);
  }
  return text;
}

Json Redaction::walk(Json const& value, bool guess) const {
  if (value.is_string()) {
    auto text = without_secrets(value.get<std::string>());
    if (!guess) return text;
    return log::looks_like_key(text) ? std::string(kHidden) : log::mask_credentials(text);
  }
  if (value.is_number()) {
    auto text = value.dump();
    bool const secret = std::find(secrets_.begin(), secrets_.end(), text) != secrets_.end();
    return secret ? Json(kHidden) : value;
  }
  if (!value.is_structured()) return value;
  auto out = value.is_array() ? Json::array() : Json::object();
  for (auto const& [name, member] : value.items()) {
    if (value.is_array())
      out.push_back(walk(member, guess));
    else if (guess && is_secret(name, member))
      out[without_secrets(name)] = kHidden;
    else
      out[without_secrets(name)] = walk(member, guess);
  }
  return out;
}

Json Redaction::without_secrets(Json const& value) const {
  return walk(value, false);
}

Json Redaction::shown(Json const& value) const {
  auto out = walk(value, true);
  auto const text = to_text(out);
  if (text.size() <= kLongest) return out;
  auto beginning = text.substr(0, kBeginning);
  // Not in the middle of a character.
  while (!beginning.empty() && (static_cast<unsigned char>(text[beginning.size()]) & 0xc0) == 0x80)
    beginning.pop_back();
  return Json{{"truncated", true}, {"bytes", text.size()}, {"beginning", std::move(beginning)}};
}

Json Redaction::summary(Json const& value) const {
  Json view{{"type", value.type_name()}, {"bytes", to_text(value).size()}};
  if (!value.is_object()) return view;
  auto names = Json::array();
  for (auto const& [name, member] : value.items()) {
    if (names.size() == kMembersMax) break;
    names.push_back(without_secrets(name));
  }
  view["members"] = std::move(names);
  return view;
}

}  // namespace bridge::local
