#include "cdp/json_fault.hpp"

#include <fmt/format.h>

#include "cdp/json_scan.hpp"

namespace bridge::cdp {
namespace {

constexpr auto npos = std::string_view::npos;

enum class Token {
  none,
  bad,
  scalar,
  number,
  string,
  open_map,
  close_map,
  open_list,
  close_list,
  comma,
  colon
};

/// Chrome's parser, reduced to its complaints.
class Complaint {
 public:
  explicit Complaint(std::string_view text) : text_(text) {}

  std::optional<std::string> find() {
    value(0);
    if (!what_.empty()) return say();
    if (skip_space(text_, end_) < text_.size())
      complain("unprocessed input remains", skip_space(text_, end_));
    return what_.empty() ? std::nullopt : say();
  }

 private:
  std::optional<std::string> say() const {
    return fmt::format("JSON: {} at position {}", what_, at_);
  }
  bool complain(std::string_view what, std::size_t at) {
    what_ = what;
    at_ = at;
    return false;
  }

  // Reads the next token: begin_ and end_ are its range.
  Token next() {
    begin_ = skip_space(text_, end_);
    end_ = begin_;
    if (begin_ >= text_.size()) return Token::none;
    switch (text_[begin_]) {
      case '{':
        return one(Token::open_map);
      case '}':
        return one(Token::close_map);
      case '[':
        return one(Token::open_list);
      case ']':
        return one(Token::close_list);
      case ',':
        return one(Token::comma);
      case ':':
        return one(Token::colon);
      default:
        return scalar();
    }
  }
  Token one(Token token) {
    ++end_;
    return token;
  }
  Token scalar() {
    char const c = text_[begin_];
    bool const number = c == '-' || (c >= '0' && c <= '9');
    auto const end = number ? number_end() : skip_value(text_, begin_, ignored_);
    if (end == npos) return Token::bad;
    end_ = end;
    return c == '"' ? Token::string : number ? Token::number : Token::scalar;
  }
  // Chrome sees the form of a number first and its size later.
  std::size_t number_end() const {
    auto at = begin_ + (text_[begin_] == '-' ? 1U : 0U);
    auto const digits = [&] {
      auto const from = at;
      while (at < text_.size() && text_[at] >= '0' && text_[at] <= '9') ++at;
      return at - from;
    };
    bool const zero = at < text_.size() && text_[at] == '0';
    auto const whole = digits();
    if (whole == 0 || (zero && whole > 1)) return npos;
    if (at < text_.size() && text_[at] == '.') {
      ++at;
      if (digits() == 0) return npos;
    }
    if (at < text_.size() && (text_[at] == 'e' || text_[at] == 'E')) {
      ++at;
      if (at < text_.size() && (text_[at] == '+' || text_[at] == '-')) ++at;
      if (digits() == 0) return npos;
    }
    return at;
  }

  bool value(int depth) {
    if (depth > kMaxDepth) return complain("stack limit exceeded", end_);
    auto const token = next();
    switch (token) {
      case Token::none:
        return complain("no input", begin_);
      case Token::bad:
        return complain("invalid token", begin_);
      case Token::number:
        if (skip_value(text_, begin_, ignored_) == npos) return complain("invalid number", begin_);
        return true;
      case Token::scalar:
      case Token::string:
        return true;
      case Token::open_list:
        return list(depth);
      case Token::open_map:
        return map(depth);
      default:
        return complain("value expected", begin_);
    }
  }
  bool list(int depth) {
    auto const inside = end_;
    if (next() == Token::close_list) return true;
    end_ = inside;
    for (;;) {
      if (!value(depth + 1)) return false;
      auto const token = next();
      if (token == Token::close_list) return true;
      if (token != Token::comma) return complain("comma or array end expected", begin_);
      auto const behind = end_;
      if (next() == Token::close_list) return complain("unexpected array end", begin_);
      end_ = behind;
    }
  }
  bool map(int depth) {
    auto token = next();
    while (token != Token::close_map) {
      if (token != Token::string) return complain("string literal expected", begin_);
      if (next() != Token::colon) return complain("colon expected", begin_);
      if (!value(depth + 1)) return false;
      token = next();
      if (token == Token::close_map) return true;
      if (token != Token::comma) return complain("comma or map end expected", begin_);
      token = next();
      if (token == Token::close_map) return complain("unexpected map end", begin_);
    }
    return true;
  }

  std::string_view text_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t ignored_ = 0;
  std::string_view what_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> json_fault(std::string_view text) {
  return Complaint(text).find();
}

}  // namespace bridge::cdp
