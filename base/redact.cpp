#include "base/redact.hpp"

#include <algorithm>
#include <array>

namespace bridge::log {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view kMask = "***";
constexpr std::string_view kValueEnd = "& \t\r\n\"'";
constexpr std::string_view kUrlEnd = " \t\r\n\"'";
constexpr std::array<std::string_view, 5> kNames{"token", "key", "secret", "password", "api_key"};
constexpr std::array<std::string_view, 4> kKeyStarts{"sk_live_", "sk_test_", "bctrl_live_",
                                                     "bctrl_test_"};
// Names begin like this, too; few of them hold a digit.
constexpr std::array<std::string_view, 4> kVagueStarts{"sk_", "sk-", "bctrl_", "local_"};
constexpr std::size_t kShortestKey = 16;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
bool is_word(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}
bool is_key(char c) {
  return is_word(c) || c == '-';
}
bool is_token(char c) {
  return is_word(c) || std::string_view(".~+/=-").find(c) != npos;
}
bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}
bool starts_with(std::string_view text, std::string_view word) {
  return same(text.substr(0, word.size()), word);
}

template <class Test>
std::string_view tail_of(std::string_view text, Test test) {
  auto at = text.size();
  while (at > 0 && test(text[at - 1])) --at;
  return text.substr(at);
}

/// Of an authority without userinfo.
bool is_this_machine(std::string_view authority) {
  if (authority.starts_with('[')) return starts_with(authority, "[::1]");
  auto const host = authority.substr(0, authority.find(':'));
  if (host.starts_with("127.")) return host.find_first_not_of("0123456789.") == npos;
  constexpr std::string_view kLocal = ".localhost";
  return same(host, kLocal.substr(1)) ||
         (host.size() > kLocal.size() && same(host.substr(host.size() - kLocal.size()), kLocal));
}

// One pass by hand: std::regex recurses once per character, and a long line then ends the program.
class Masking {
 public:
  explicit Masking(std::string_view line) : rest_(line) {}

  std::string run() {
    while (!rest_.empty()) {
      char const c = rest_.front();
      if (c == ':' && rest_.starts_with("://")) {
        url();
      } else if (c == '=') {
        named_value();
      } else if (lower(c) == 'b' && starts_with(rest_, "bearer")) {
        bearer();
      } else if (is_key(c)) {
        word();
      } else {
        keep(1);
      }
    }
    return std::move(out_);
  }

 private:
  void keep(std::size_t n) {
    out_ += rest_.substr(0, n);
    rest_.remove_prefix(n);
  }
  void hide(std::size_t n) {
    if (n > 0) out_ += kMask;
    rest_.remove_prefix(n);
  }

  void url() {
    auto const scheme = tail_of(out_, is_letter);
    bool const ws = same(scheme, "ws") || same(scheme, "wss");
    keep(3);
    auto const url = rest_.substr(0, rest_.find_first_of(kUrlEnd));
    auto const authority = url.substr(0, url.find_first_of("/?#"));
    auto const at_sign = authority.rfind('@');
    // A form in a help text: http://[USER:PASSWORD@]HOST.
    if (at_sign != npos && authority.substr(at_sign + 1).starts_with(']'))
      return keep(authority.size());
    if (at_sign != npos) hide(at_sign);
    auto const host = authority.substr(at_sign == npos ? 0 : at_sign + 1);
    keep(host.size() + (at_sign == npos ? 0 : 1));
    auto const path = url.substr(authority.size());
    if (!ws || path.size() < 2) return;
    if (is_this_machine(host) && path.starts_with("/devtools/")) return;
    out_ += '/';
    hide(path.size());
  }

  void named_value() {
    auto const name = tail_of(out_, is_word);
    bool const secret = std::any_of(kNames.begin(), kNames.end(),
                                    [name](std::string_view known) { return same(name, known); });
    keep(1);
    if (secret) hide(std::min(rest_.find_first_of(kValueEnd), rest_.size()));
  }

  // One letter at a time: "bearer" may begin inside of a word. A key does not.
  void word() {
    if (!out_.empty() && is_key(out_.back())) return keep(1);
    auto const end = std::find_if_not(rest_.begin(), rest_.end(), is_key);
    auto const size = static_cast<std::size_t>(end - rest_.begin());
    if (looks_like_key(rest_.substr(0, size))) return hide(size);
    keep(1);
  }

  void bearer() {
    keep(6);
    auto const token = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    if (token == 0) return;
    keep(token);
    hide(static_cast<std::size_t>(std::find_if_not(rest_.begin(), rest_.end(), is_token) -
                                  rest_.begin()));
  }

  std::string_view rest_;
  std::string out_;
};

}  // namespace

bool looks_like_key(std::string_view word) {
  if (word.size() < kShortestKey || !std::all_of(word.begin(), word.end(), is_key)) return false;
  auto const begins = [word](std::string_view start) { return starts_with(word, start); };
  if (std::any_of(kKeyStarts.begin(), kKeyStarts.end(), begins)) return true;
  return word.find_first_of("0123456789") != npos &&
         std::any_of(kVagueStarts.begin(), kVagueStarts.end(), begins);
}

bool is_bare_address(std::string_view text) {
  auto const colon = text.find("://");
  if (colon == npos) return false;
  auto const rest = text.substr(colon + 3);
  auto const authority = rest.substr(0, rest.find('/'));
  return authority.find_first_of("@?#") == npos && rest.size() <= authority.size() + 1;
}

std::string mask_credentials(std::string_view line) {
  return Masking(line).run();
}

}  // namespace bridge::log
