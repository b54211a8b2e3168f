#include "local/multipart.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/checks.hpp"

// Of the address sanitizer, which the fuzzers are built with; null elsewhere.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

namespace bridge::fuzz {
namespace {

using local::Multipart;

constexpr std::size_t kPaddingMax = 256;
constexpr std::string_view kBlankLine = "\r\n\r\n";
constexpr std::string_view kInOnePiece;

struct Part {
  std::string head;
  std::string bytes;
  bool ended = false;
  bool operator==(Part const&) const = default;
};

std::string text_of(local::PartHead const& head) {
  return head.name + '\n' + head.filename.value_or("none") + '\n' + head.content_type;
}

/// What came of a form, and how it ended: "form", "open", or the kind of error.
struct Outcome {
  std::vector<Part> parts;
  std::string end;
  bool operator==(Outcome const&) const = default;
};

/// Writes down what it gets, and refuses what would be out of turn.
class Record final : public local::PartReceiver {
 public:
  Result<void> begin_part(local::PartHead head) override {
    require(parts.empty() || parts.back().ended, "one part after the other");
    if (head.filename)
      require(head.filename->find_first_of("/\\") == std::string::npos, "a file name's last part");
    parts.push_back({text_of(head), {}, false});
    return {};
  }
  Result<void> take(std::string_view bytes) override {
    require(!parts.empty() && !parts.back().ended, "bytes belong to a part");
    require(!bytes.empty(), "nothing is not handed over");
    parts.back().bytes += bytes;
    taken += bytes.size();
    return {};
  }
  Result<void> end_part() override {
    require(!parts.empty() && !parts.back().ended, "what ends has begun");
    parts.back().ended = true;
    return {};
  }
  [[nodiscard]] bool in_part() const { return !parts.empty() && !parts.back().ended; }

  std::vector<Part> parts;
  std::size_t taken = 0;
};

std::string refusal_of(Result<void> const& result) {
  if (result) return "";
  require(result.error().is(Errc::bad_message) || result.error().is(Errc::too_large),
          "an error is the sender's");
  return result.error().is(Errc::too_large) ? "too large" : "bad: " + result.error().doing;
}

struct Setting {
  std::string boundary;
  Multipart::Limits limits;
};

/// Feeds pieces of the sizes that `cuts` says, over and over.
class Feeding {
 public:
  Feeding(Setting const& setting, std::string_view body, Bytes cuts)
      : setting_(setting), body_(body), cuts_(cuts) {}

  Outcome run() {
    std::string end;
    for (auto rest = body_; !rest.empty() && end.empty();) {
      auto const piece = rest.substr(0, next_size());
      rest.remove_prefix(piece.size());
      end = feed(piece);
    }
    if (end.empty()) end = form_.finish() ? "form" : "open";
    return {std::move(record_.parts), std::move(end)};
  }

 private:
  std::size_t next_size() {
    if (now_.empty()) now_ = cuts_;
    auto const code = now_.byte();
    return code == 0 ? body_.size() : code;
  }
  std::string feed(std::string_view piece) {
    bool const was_in_part = record_.in_part();
    auto const parts = record_.parts.size();
    auto const taken = record_.taken;
    auto refusal = refusal_of(form_.feed(piece));
    // In the middle of a part all is handed on but what may be the beginning of a boundary.
    bool const same_part = was_in_part && record_.in_part() && parts == record_.parts.size();
    waiting_ = same_part ? waiting_ + piece.size() + taken - record_.taken : boundary_line();
    require(waiting_ <= 2 * boundary_line(), "what is kept of a part");
    return refusal;
  }
  /// The most that waits in a part: "\r\n--boundary", and the blank line in front of it.
  [[nodiscard]] std::size_t boundary_line() const { return setting_.boundary.size() + 6; }

  Setting const& setting_;
  std::string_view body_;
  Bytes cuts_;
  Bytes now_ = cuts_;
  Record record_;
  Multipart form_{setting_.boundary, record_, setting_.limits};
  std::size_t waiting_ = boundary_line();  // at most
};

/// The form once more, by one who has all of it: how many parts begin, what their bytes are, and
/// the end. Their headers are not read: behind `heads` parts the next one's count as refused.
Outcome read_whole(Setting const& setting, std::string_view body, std::size_t heads) {
  auto const text = "\r\n" + std::string(body);
  auto const delimiter = "\r\n--" + setting.boundary;
  Outcome out;
  auto at = text.find(delimiter);
  for (;;) {
    if (at == std::string::npos) return out.end = "open", out;
    at += delimiter.size();
    if (text.compare(at, 2, "--") == 0) return out.end = "form", out;
    auto const line_end = text.find_first_not_of(" \t", at);
    auto const blanks = std::min(line_end, text.size()) - at;
    if (blanks > kPaddingMax) return out.end = "bad", out;
    if (line_end == std::string::npos || text.size() < line_end + 2) return out.end = "open", out;
    if (text.compare(line_end, 2, "\r\n") != 0) return out.end = "bad", out;
    auto const head_end = text.find(kBlankLine, line_end);
    auto const room = setting.limits.headers;
    bool const too_large = std::min(head_end, text.size() - 3) > line_end + room;
    if (too_large) return out.end = "too large", out;
    if (head_end == std::string::npos) return out.end = "open", out;
    if (out.parts.size() == heads) return out.end = "refused", out;
    auto const begin = head_end + kBlankLine.size();
    at = text.find(delimiter, head_end + 2);  // the blank line may be the boundary's
    bool const ended = at != std::string::npos;
    auto const stop = ended ? std::max(at, begin) : text.size();
    out.parts.push_back({{}, text.substr(begin, stop - begin), ended});
  }
}

void check_against_model(Setting const& setting, std::string_view body, Outcome const& heard) {
  auto const model = read_whole(setting, body, heard.parts.size());
  require(model.parts.size() == heard.parts.size(), "as many parts as there are");
  for (std::size_t i = 0; i < heard.parts.size(); ++i) {
    auto const& part = heard.parts[i];
    require(part.ended == model.parts[i].ended, "a part ends where its boundary is");
    if (part.ended) require(part.bytes == model.parts[i].bytes, "the bytes of a part");
    if (!part.ended) require(model.parts[i].bytes.starts_with(part.bytes), "the bytes so far");
  }
  require((heard.end == "form") == (model.end == "form"), "a form ends with its last boundary");
  if (model.end == "bad") require(heard.end.starts_with("bad"), "a boundary's line is over");
  if (model.end == "too large") require(heard.end == "too large", "the limit of headers");
  if (model.end == "open") require(heard.end == "open", "more is waited for");
  if (model.end == "refused") require(heard.end != "open", "what is there is not waited for");
  require(heard.parts.size() <= setting.limits.parts, "the limit of parts");
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char const c : text) {
    if (c == '"') out += "%22";
    if (c == '\r') out += "%0D";
    if (c == '\n') out += "%0A";
    if (c != '"' && c != '\r' && c != '\n') out += c;
  }
  return out + '"';
}

// The two characters that browsers write as they are and that could be read in two ways; a path's
// slash, which the reader cuts at.
std::string named(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\\' || c == '%' || c == '/'; }, '_');
  return out;
}

/// A form as browsers write it is read back.
void check_browser(Setting setting, Bytes script, Bytes cuts) {
  setting.limits = {};
  auto const delimiter = "--" + setting.boundary;
  std::string body;
  std::vector<Part> sent;
  while (!script.empty() && sent.size() < setting.limits.parts) {
    auto const kind = script.byte();
    local::PartHead head;
    head.name = named(script.take(kind % 8));
    if ((kind & 8U) != 0) head.filename = named(script.take(kind / 16 % 4));
    if ((kind & 64U) != 0) head.content_type = "text/plain";
    std::string content(script.take(script.byte()));
    if ((kind & 128U) != 0) content.append(5000, '\r');
    if (("\r\n" + content).find("\r\n" + delimiter) != std::string::npos) continue;
    body += delimiter + "\r\nContent-Disposition: form-data; name=" + quoted(head.name);
    if (head.filename) body += "; filename=" + quoted(*head.filename);
    if (!head.content_type.empty()) body += "\r\nContent-Type: " + head.content_type;
    body += std::string(kBlankLine) + content + "\r\n";
    sent.push_back({text_of(head), content, true});
  }
  body += delimiter + "--\r\n";
  Outcome const expected{std::move(sent), "form"};
  require(Feeding(setting, body, Bytes(kInOnePiece)).run() == expected, "a browser's form is read");
  require(Feeding(setting, body, cuts).run() == expected, "a browser's form is read in pieces");
}

class Nobody final : public local::PartReceiver {
 public:
  Result<void> begin_part(local::PartHead) override { return {}; }
  Result<void> take(std::string_view) override { return {}; }
  Result<void> end_part() override { return {}; }
};

/// Wherever the form stands, more of what came last is not heaped up.
void check_memory(Setting const& setting, std::string_view body) {
  if (__sanitizer_get_current_allocated_bytes == nullptr || body.empty()) return;
  Nobody nobody;
  Multipart form(setting.boundary, nobody, setting.limits);
  if (!form.feed(body)) return;
  std::string piece;
  while (piece.size() < 4096)
    piece += body.substr(body.size() - std::min<std::size_t>(body.size(), 64));
  auto const before = __sanitizer_get_current_allocated_bytes();
  for (int i = 0; i < 64; ++i)
    if (!form.feed(piece)) return;
  require(__sanitizer_get_current_allocated_bytes() < before + 8 * piece.size(), "memory");
}

void check_boundary(std::string_view text) {
  auto const boundary = local::multipart_boundary(text);
  if (!boundary) return;
  require(!boundary->empty() && boundary->size() <= 70, "the length of a boundary");
  require(boundary->find_first_of("\r\n") == std::string::npos, "a boundary is in one line");
}

}  // namespace

void check_multipart(std::string_view bytes) {
  Bytes in(bytes);
  auto const flags = in.byte();
  Setting setting;
  setting.boundary = (flags & 1U) != 0 ? "-" : "xYz";
  if ((flags & 2U) != 0) setting.boundary = std::string(70, '-');
  setting.limits = {.headers = 60U + in.byte(), .parts = 1U + flags / 4 % 8};
  Bytes const cuts(in.take(in.byte() % 16));
  auto const body = in.rest();

  auto const whole = Feeding(setting, body, Bytes(kInOnePiece)).run();
  require(Feeding(setting, body, cuts).run() == whole, "a cut changes nothing");
  require(Feeding(setting, body, Bytes("\1")).run() == whole, "nor do cuts everywhere");
  check_against_model(setting, body, whole);
  if ((flags & 128U) != 0) check_browser(setting, Bytes(body), cuts);
  check_memory(setting, body);
  check_boundary(body);
  check_boundary("multipart/form-data;" + std::string(body));
}

}  // namespace bridge::fuzz
