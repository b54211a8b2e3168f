#include "local/vault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/text.hpp"
#include "net/url.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kKeyMax = 512;
constexpr std::array<char const*, 3> kSecretTexts{"value", "password", "totpSecret"};

// Neither has a line end in it.
std::string sealed_for(std::string_view owner, std::string_view key) {
  return fmt::format("vault:{}\n{}", owner, key);
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// "https://Example.com:443/login" and "https://example.com" are of one origin.
std::string origin_text(std::string_view address) {
  auto const url = net::parse_url(address);
  return url ? fmt::format("{}://{}", url->scheme, to_lower(url->authority())) : to_lower(address);
}

/// '*' stands for any text.
bool fits(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t tried = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      tried = in;
    } else if (at < pattern.size() && pattern[at] == text[in]) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++tried;
    } else {
      return false;
    }
  }
  return pattern.substr(at).find_first_not_of('*') == std::string_view::npos;
}

// A pattern without a scheme is one of hosts.
bool pattern_fits(std::string_view pattern, std::string const& origin) {
  auto const lower = to_lower(pattern);
  if (lower.find("://") != std::string::npos) {
    std::string_view whole(lower);
    while (whole.ends_with('/')) whole.remove_suffix(1);
    return fits(whole, origin);
  }
  auto const begin = origin.find("://");
  return fits(lower, begin == std::string::npos ? origin : origin.substr(begin + 3));
}

bool is_for(Json const& body, std::string const& origin) {
  for (auto const& own : body.value("origins", Json::array()))
    if (origin_text(own.get_ref<std::string const&>()) == origin) return true;
  for (auto const& pattern : body.value("originPatterns", Json::array()))
    if (pattern_fits(pattern.get_ref<std::string const&>(), origin)) return true;
  return false;
}

Problem invalid_key(std::string_view why) {
  Problem problem(400, "vault.invalid_key", fmt::format("The key {}.", why),
                  "Keys are names with slashes between them, \"work/github\".");
  problem.details = R"({"field":"key"})";
  return problem;
}

bool is_control(char c) {
  auto const byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

std::optional<Problem> check_vault_key(std::string_view key) {
  if (!net::is_utf8(key)) return invalid_key("is not UTF-8");
  if (length_of(key) > kKeyMax) return invalid_key("is longer than 512 characters");
  if (std::any_of(key.begin(), key.end(), is_control)) return invalid_key("has control characters");
  for (std::size_t begin = 0; begin <= key.size();) {
    auto const end = std::min(key.find('/', begin), key.size());
    auto const segment = key.substr(begin, end - begin);
    if (segment.empty()) return invalid_key("has an empty segment");
    if (segment == "." || segment == "..") return invalid_key("has \".\" or \"..\" as a segment");
    begin = end + 1;
  }
  return std::nullopt;
}

Slice<Document> Vault::list(VaultFilter const& filter, Range range) {
  auto const origin = filter.origin ? origin_text(*filter.origin) : std::string();
  auto const wanted = [&](Document const& secret) {
    if (!secret.name->starts_with(filter.prefix)) return false;
    auto const body = Json::parse(secret.body);
    if (filter.has_totp && body.at("hasTotp") != *filter.has_totp) return false;
    return !filter.origin || is_for(body, origin);
  };
  DocumentFilter own;
  own.scope = filter.owner;
  return documents_.list_if(own, range, wanted);
}

std::optional<Document> Vault::find(std::string_view owner, std::string_view key) {
  return documents_.named(owner, key);
}

Document Vault::put(std::string_view owner, std::string_view key, Json shown, Json const& hidden) {
  auto const totp = hidden.find("totpSecret");
  shown["hasTotp"] = totp != hidden.end();
  shown["sealed"] = seal_.seal(to_text(hidden), sealed_for(owner, key));
  auto const before = find(owner, key);
  Document secret = before.value_or(Document());
  secret.body = to_text(shown);
  secret.updated_at = now();
  if (before) {
    if (!documents_.update(secret)) throw StoreFailure("a secret that was there is gone");
    return secret;
  }
  secret.id = new_uuid();
  secret.scope = owner;
  secret.name = key;
  secret.created_at = secret.updated_at;
  if (!documents_.add(secret)) throw StoreFailure("a secret that was not there is there");
  return secret;
}

bool Vault::remove(std::string_view owner, std::string_view key) {
  auto const secret = find(owner, key);
  return secret && documents_.remove(secret->id);
}

Json Vault::hidden_of(Document const& secret) const {
  auto const body = Json::parse(secret.body);
  auto const& sealed = body.at("sealed").get_ref<std::string const&>();
  return Json::parse(seal_.unseal(sealed, sealed_for(secret.scope, *secret.name)));
}

std::optional<Secret> Vault::text_of(std::string_view owner, std::string_view key) {
  auto const secret = find(owner, key);
  if (!secret) return std::nullopt;
  auto const hidden = hidden_of(*secret);
  auto const value = hidden.find("value");
  return Secret(value != hidden.end() ? value->get<std::string>()
                                      : hidden.at("password").get<std::string>());
}

std::vector<std::string> Vault::all_texts(std::string_view owner) {
  DocumentFilter own;
  own.scope = owner;
  std::vector<std::string> texts;
  for (auto const& secret : documents_.all(own)) {
    try {
      auto const hidden = hidden_of(secret);
      for (auto const* const name : kSecretTexts)
        if (auto const text = hidden.find(name); text != hidden.end()) texts.push_back(*text);
    } catch (StoreFailure const& failure) {
      log_.error("secret \"{}\" of the vault cannot be read: {}", *secret.name, failure.what());
    }
  }
  return texts;
}

Json vault_view(Document const& secret) {
  auto const body = Json::parse(secret.body);
  Json view{{"key", *secret.name},
            {"type", body.at("type")},
            {"hasTotp", body.at("hasTotp")},
            {"createdAt", rfc3339(secret.created_at)},
            {"updatedAt", rfc3339(secret.updated_at)}};
  for (auto const* const name : kVaultShown)
    if (auto const member = body.find(name); member != body.end()) view[name] = *member;
  return view;
}

}  // namespace bridge::local
