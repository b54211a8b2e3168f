#include "local/multipart.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <map>
#include <utility>

#include "net/url.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kBoundaryMax = 70;  // RFC 2046
constexpr std::size_t kPaddingMax = 256;

Error broken(std::string what) {
  return Error(Errc::bad_message, std::move(what));
}

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes a quoted string off the front of `text`. Browsers write %22 for a quote, others \".
std::string take_quoted(std::string_view& text) {
  std::string value;
  std::size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    // A lone backslash belongs to a Windows path.
    bool const escaped =
        text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
    if (escaped) ++at;
    value += text[at];
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return value;
}

/// "form-data; name=\"a\"; filename=b" as its first word and its parameters.
struct Parameters {
  std::string word;
  std::map<std::string, std::string> values;  ///< names in lower case

  explicit Parameters(std::string_view text) {
    auto const end = text.find(';');
    word = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    while (!text.empty() && text.front() == ';') take_one(text);
  }
  [[nodiscard]] std::optional<std::string> find(std::string const& name) const {
    auto const found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  }

 private:
  void take_one(std::string_view& text) {
    text.remove_prefix(1);
    auto const stop = text.find_first_of("=;");
    std::string name(trimmed(text.substr(0, stop)));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    text.remove_prefix(stop == std::string_view::npos ? text.size() : stop);
    if (text.empty() || text.front() != '=') return;
    text.remove_prefix(1);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::string value;
    if (!text.empty() && text.front() == '"') {
      value = take_quoted(text);
      text.remove_prefix(std::min(text.find(';'), text.size()));
    } else {
      auto const end = text.find(';');
      value = trimmed(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    }
    values.emplace(std::move(name), std::move(value));
  }
};

// The three characters that browsers escape in names (HTML, multipart/form-data encoding).
std::string unescaped(std::string text) {
  for (auto const& [code, plain] : {std::pair{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}})
    for (auto at = text.find(code); at != std::string::npos; at = text.find(code, at + 1))
      text.replace(at, 3, 1, plain);
  return text;
}

std::optional<std::string> filename_of(Parameters const& disposition) {
  auto name = disposition.find("filename");
  if (name) name = unescaped(std::move(*name));
  constexpr std::string_view kUtf8 = "UTF-8''";
  if (auto const extended = disposition.find("filename*");
      extended && boost::istarts_with(*extended, kUtf8))
    name = net::percent_decode(std::string_view(*extended).substr(kUtf8.size()));
  if (!name) return std::nullopt;
  // Old browsers send the whole path.
  auto const slash = name->find_last_of("/\\");
  return slash == std::string::npos ? *name : name->substr(slash + 1);
}

Result<PartHead> read_head(std::string_view lines) {
  PartHead head;
  bool named = false;
  while (!lines.empty()) {
    auto const end = lines.find("\r\n");
    auto const line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    auto const colon = line.find(':');
    if (colon == std::string_view::npos) return broken("a header of a part has no colon");
    auto const name = trimmed(line.substr(0, colon));
    auto const value = trimmed(line.substr(colon + 1));
    if (boost::iequals(name, "content-type")) head.content_type = value;
    if (!boost::iequals(name, "content-disposition")) continue;
    Parameters const disposition(value);
    auto const field = disposition.find("name");
    if (!boost::iequals(disposition.word, "form-data") || !field)
      return broken("a part is no named form-data");
    head.name = unescaped(*field);
    head.filename = filename_of(disposition);
    named = true;
  }
  if (!named) return broken("a part has no Content-Disposition");
  return head;
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  Parameters const parsed(content_type);
  if (!boost::iequals(parsed.word, "multipart/form-data")) return std::nullopt;
  auto boundary = parsed.find("boundary");
  if (!boundary || boundary->empty() || boundary->size() > kBoundaryMax) return std::nullopt;
  if (boundary->find_first_of("\r\n") != std::string::npos) return std::nullopt;
  return boundary;
}

Multipart::Multipart(std::string_view boundary, PartReceiver& to, Limits limits)
    : delimiter_("\r\n--" + std::string(boundary)), to_(to), limits_(limits) {}

Result<void> Multipart::feed(std::string_view bytes) {
  if (state_ == State::epilogue) return {};
  buffer_ += bytes;
  for (;;) {
    auto const moved = step();
    if (!moved) return moved.error();
    if (!*moved) return {};
  }
}

Result<void> Multipart::finish() const {
  if (state_ == State::epilogue) return {};
  return broken("the form has no end");
}

// True when there may be more to do with what has come.
Result<bool> Multipart::step() {
  switch (state_) {
    case State::preamble:
    case State::body:
      return find_delimiter();
    case State::behind_delimiter:
      return behind_delimiter();
    case State::headers:
      return read_headers();
    case State::epilogue:
      break;
  }
  buffer_.clear();
  return false;
}

Result<bool> Multipart::find_delimiter() {
  auto const at = buffer_.find(delimiter_);
  bool const found = at != std::string::npos;
  // What could be the beginning of a delimiter waits for its rest.
  auto const safe = found ? at : buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1);
  if (!found && safe < skip_) return false;
  if (state_ == State::body && safe > skip_) {
    auto const taken = to_.take(std::string_view(buffer_).substr(skip_, safe - skip_));
    if (!taken) return taken.error();
  }
  skip_ = 0;
  buffer_.erase(0, found ? at + delimiter_.size() : safe);
  if (!found) return false;
  if (state_ == State::body) {
    auto const ended = to_.end_part();
    if (!ended) return ended.error();
  }
  state_ = State::behind_delimiter;
  return true;
}

// "--" ends the form; else blanks and a line's end, which stays: headers may be none.
Result<bool> Multipart::behind_delimiter() {
  if (buffer_.size() < 2) return false;
  if (buffer_.starts_with("--")) {
    state_ = State::epilogue;
    return true;
  }
  auto const end = buffer_.find_first_not_of(" \t");
  if (end > kPaddingMax && buffer_.size() > kPaddingMax) return broken("a boundary does not end");
  if (end == std::string::npos || buffer_.size() < end + 2) return false;
  if (buffer_.compare(end, 2, "\r\n") != 0) return broken("a boundary does not end");
  buffer_.erase(0, end);
  state_ = State::headers;
  return true;
}

Result<bool> Multipart::read_headers() {
  auto const end = buffer_.find("\r\n\r\n");
  bool const whole = end != std::string::npos;
  // Three bytes of the end may be there without the fourth.
  if (whole ? end > limits_.headers : buffer_.size() > limits_.headers + 3)
    return Error(Errc::too_large, "the headers of a part");
  if (!whole) return false;
  auto head =
      read_head(end == 0 ? std::string_view() : std::string_view(buffer_).substr(2, end - 2));
  if (!head) return head.error();
  if (++parts_ > limits_.parts) return Error(Errc::too_large, "the number of parts");
  auto const begun = to_.begin_part(std::move(*head));
  if (!begun) return begun.error();
  buffer_.erase(0, end + 2);
  skip_ = 2;  // the blank line, which a part without a body shares with its delimiter
  state_ = State::body;
  return true;
}

}  // namespace bridge::local
