#include "cdp/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "cdp/json_fault.hpp"
#include "cdp/json_scan.hpp"

namespace bridge::cdp {
namespace {

constexpr int kParseError = -32700;
constexpr int kInvalidRequest = -32600;
constexpr std::string_view kSessionMember = ",\"sessionId\":\"";
constexpr std::size_t kSessionLength = 32;  // Chrome's session ids: hex

// What we refuse is a little more than what Chrome refuses (raw control characters in strings).
BadCommand syntax_error(std::string_view frame, std::size_t at) {
  auto message = json_fault(frame);
  if (!message) message = fmt::format("JSON: invalid token at position {}", at);
  return {kParseError, std::move(*message), std::nullopt};
}

// The digits at `at`, which moves behind them: what fits an int32 in any case, a quarter of the
// work of from_chars. 0 and no move where there are none, or too many.
std::int32_t read_digits(std::string_view text, std::size_t& at) {
  constexpr std::size_t kMost = 9;
  auto const end = std::min(text.size(), at + kMost);
  std::int32_t value = 0;
  auto i = at;
  for (; i < end; ++i) {
    auto const digit = static_cast<unsigned char>(text[i] - '0');
    if (digit > 9) break;
    value = value * 10 + digit;
  }
  bool const more = i < text.size() && text[i] >= '0' && text[i] <= '9';
  if (more) return 0;
  at = i;
  return value;
}

// Chrome reads every number as a double first: 1.0 and 1e3 are integers, -0 is 0.
std::optional<std::int32_t> read_id(std::string_view raw) {
  std::size_t digits = 0;
  auto const plain = read_digits(raw, digits);
  if (digits > 0 && digits == raw.size()) return plain;
  std::int32_t id = 0;
  auto const* end = raw.data() + raw.size();
  auto const whole = std::from_chars(raw.data(), end, id);
  if (whole.ec == std::errc() && whole.ptr == end) return id;
  if (raw.empty() || (raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'))) return std::nullopt;
  double number = 0;
  auto const real = std::from_chars(raw.data(), end, number);
  if (real.ec != std::errc() || real.ptr != end || number != std::trunc(number))
    return std::nullopt;
  if (number < std::numeric_limits<std::int32_t>::min() ||
      number > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return static_cast<std::int32_t>(number);
}

std::string_view string_value(std::string_view raw, std::string& owner) {
  auto const inside = raw.substr(1, raw.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return inside;
  owner = decode_escapes(inside);
  return owner;
}

class CommandReader {
 public:
  explicit CommandReader(Command& out) : out_(out) {}

  void take(JsonMember const& member) {
    if (bad_) return;  // the first mistake counts; the rest is only checked for syntax
    if (take_known(member, member.key)) return;
    bool const plain = member.key.find('\\') == std::string_view::npos;
    if (!plain && take_known(member, decode_escapes(member.key))) return;
    fail("Message has property other than 'id', 'method', 'sessionId', 'params'");
  }

  std::optional<BadCommand> finish() {
    if (!bad_ && !id_) fail("Message must have integer 'id' property");
    if (!bad_ && out_.method.empty()) fail("Message must have string 'method' property");
    if (bad_) bad_->id = id_;
    return std::move(bad_);
  }

 private:
  /// False: we do not know the key.
  bool take_known(JsonMember const& member, std::string_view key) {
    bool const is_string = member.value.front() == '"';
    ByteRange const at{member.value_begin, member.value_end};
    if (key == "id") {
      if (repeated(seen_id_, member)) return true;
      auto const id = read_id(member.value);
      if (!id) return fail("Message must have integer 'id' property");
      id_ = out_.id = *id;
      out_.id_at = at;
    } else if (key == "method") {
      if (repeated(seen_method_, member)) return true;
      if (!is_string) return fail("Message must have string 'method' property");
      out_.method = string_value(member.value, out_.decoded_method);
    } else if (key == "params") {
      if (repeated(seen_params_, member)) return true;
      char const c = member.value.front();
      if (c != '{' && c != '[' && c != 'n')
        return fail("Message may have object 'params' property");
      out_.params = member.value;
    } else if (key == "sessionId") {
      if (repeated(seen_session_, member)) return true;
      if (!is_string) return fail("Message may have string 'sessionId' property");
      out_.session = string_value(member.value, out_.decoded_session);
      out_.session_at = at;
    } else {
      return false;
    }
    return true;
  }

  bool fail(std::string_view message) {
    bad_ = BadCommand{kInvalidRequest, std::string(message), std::nullopt};
    return true;
  }
  bool repeated(bool& seen, JsonMember const& member) {
    if (seen)
      bad_ = BadCommand{kParseError,
                        fmt::format("CBOR: duplicate map key at position {}", member.begin),
                        std::nullopt};
    return std::exchange(seen, true);
  }

  Command& out_;
  std::optional<BadCommand> bad_;
  std::optional<std::int32_t> id_;
  bool seen_id_ = false;
  bool seen_method_ = false;
  bool seen_params_ = false;
  bool seen_session_ = false;
};

// {"id":N,"result"... or {"id":N,"error"... or {"method":"M","params"..., and a session member at
// the end. Sound for valid JSON: an unescaped quote cannot stand inside a string, and the final }
// closes the message. A frame that ends otherwise may hide a session before its last member; only
// the few frames of the control session do.
bool read_both_ends(std::string_view frame, UpstreamMessage& out) {
  constexpr std::string_view kId = "{\"id\":";
  constexpr std::string_view kMethod = "{\"method\":\"";
  std::size_t at = 0;
  if (frame.starts_with(kId)) {
    at = kId.size();
    auto const id = read_digits(frame, at);
    if (at == kId.size()) return false;
    auto const rest = frame.substr(at);
    if (!rest.starts_with(",\"result\":{") && !rest.starts_with(",\"error\":{")) return false;
    out.id = id;
    out.id_at = {kId.size(), at};
  } else if (frame.starts_with(kMethod)) {
    auto const end = frame.find_first_of("\"\\", kMethod.size());
    if (end == std::string_view::npos || !frame.substr(end).starts_with("\",\"params\":{"))
      return false;
    out.method = frame.substr(kMethod.size(), end - kMethod.size());
    at = end;
  } else {
    return false;
  }
  constexpr auto kTail = kSessionMember.size() + kSessionLength + 2;
  if (frame.size() < at + kTail || !frame.ends_with("\"}")) return false;
  auto const tail = frame.substr(frame.size() - kTail);
  auto const session = tail.substr(kSessionMember.size(), kSessionLength);
  if (!tail.starts_with(kSessionMember) || !is_plain(session)) return false;
  out.session = session;
  out.session_member = {frame.size() - kTail, frame.size() - 1};
  return true;
}

bool read_whole(std::string_view frame, UpstreamMessage& out) {
  auto const start = skip_space(frame, 0);
  if (start >= frame.size() || frame[start] != '{') return false;
  JsonObjectScan scan(frame, start);
  JsonMember member;
  std::size_t previous_end = start + 1;
  bool cut_to_next = false;  // the session was the first member: the comma behind it goes with it
  while (scan.next(member)) {
    if (cut_to_next) out.session_member.end = member.begin;
    cut_to_next = false;
    bool const is_string = member.value.front() == '"';
    if (member.key == "id" && !out.id) {
      out.id = read_id(member.value);
      out.id_at = {member.value_begin, member.value_end};
    } else if (member.key == "method" && is_string) {
      out.method = member.value.substr(1, member.value.size() - 2);
    } else if (member.key == "sessionId" && is_string && out.session_member.empty()) {
      out.session = member.value.substr(1, member.value.size() - 2);
      bool const is_first = previous_end == start + 1;
      out.session_member = {is_first ? member.begin : previous_end, member.value_end};
      cut_to_next = is_first;
    }
    previous_end = member.value_end;
  }
  return !scan.failed() && (out.id || !out.method.empty());
}

}  // namespace

std::string Spliced::text() const {
  std::string out;
  out.reserve(size());
  for (auto const piece : pieces()) out += piece;
  return out;
}

std::size_t Spliced::size() const {
  auto const all = pieces();
  return std::accumulate(
      all.begin(), all.end(), std::size_t{0},
      [](std::size_t sum, std::string_view piece) { return sum + piece.size(); });
}

std::optional<BadCommand> read_command(std::string_view frame, Command& out) {
  auto const start = skip_space(frame, 0);
  if (start >= frame.size()) return syntax_error(frame, start);
  std::size_t bad_at = 0;
  auto const trailing = [&](std::size_t end) -> std::optional<BadCommand> {
    auto const rest = skip_space(frame, end);
    if (rest == frame.size()) return std::nullopt;
    return syntax_error(frame, rest);
  };
  if (frame[start] != '{') {
    auto const end = skip_value(frame, start, bad_at);
    if (end == std::string_view::npos) return syntax_error(frame, bad_at);
    if (auto bad = trailing(end)) return bad;
    return BadCommand{kInvalidRequest, "Message must be an object", std::nullopt};
  }
  CommandReader reader(out);
  JsonObjectScan scan(frame, start);
  JsonMember member;
  while (scan.next(member)) reader.take(member);
  if (scan.failed()) return syntax_error(frame, scan.position());
  if (auto bad = trailing(scan.position())) return bad;
  out.close_at = scan.position() - 1;
  return reader.finish();
}

Spliced rewrite_command(std::string_view frame, Command const& command, std::string_view id,
                        std::string_view quoted_session_member, std::string_view quoted_session) {
  struct Cut {
    ByteRange at;
    std::string_view with;
  };
  Cut first{command.id_at, id};
  Cut second{{command.close_at, command.close_at}, quoted_session_member};
  if (!command.session_at.empty()) second = {command.session_at, quoted_session};
  if (second.at.begin < first.at.begin) std::swap(first, second);
  Spliced out;
  out.add(frame.substr(0, first.at.begin));
  out.add(first.with);
  out.add(frame.substr(first.at.end, second.at.begin - first.at.end));
  out.add(second.with);
  out.add(frame.substr(second.at.end));
  return out;
}

std::optional<UpstreamMessage> read_upstream(std::string_view frame) {
  UpstreamMessage out;
  if (read_both_ends(frame, out)) return out;
  out = {};
  if (read_whole(frame, out)) return out;
  return std::nullopt;
}

Spliced rewrite_reply(std::string_view frame, UpstreamMessage const& message, std::string_view id,
                      bool cut_session) {
  Spliced out;
  auto const& session = message.session_member;
  bool const cut = cut_session && !session.empty();
  if (cut && session.begin < message.id_at.begin) {
    out.add(frame.substr(0, session.begin));
    out.add(frame.substr(session.end, message.id_at.begin - session.end));
    out.add(id);
    out.add(frame.substr(message.id_at.end));
    return out;
  }
  out.add(frame.substr(0, message.id_at.begin));
  out.add(id);
  if (cut) {
    out.add(frame.substr(message.id_at.end, session.begin - message.id_at.end));
    out.add(frame.substr(session.end));
  } else {
    out.add(frame.substr(message.id_at.end));
  }
  return out;
}

Spliced rename_session(std::string_view frame, UpstreamMessage const& message, std::string_view id,
                       std::string_view member) {
  Spliced out;
  std::size_t at = 0;
  auto const put_id = [&] {
    if (!message.is_reply()) return;
    out.add(frame.substr(at, message.id_at.begin - at));
    out.add(id);
    at = message.id_at.end;
  };
  auto const& session = message.session_member;
  bool const id_first = message.id_at.begin < session.begin;
  if (id_first) put_id();
  if (!session.empty()) {
    out.add(frame.substr(at, session.begin - at));
    bool const comma_first = frame[session.begin] == ',';
    out.add(comma_first ? member : member.substr(1));
    if (!comma_first) out.add(",");
    at = session.end;
  }
  if (!id_first) put_id();
  out.add(frame.substr(at));
  return out;
}

Spliced cut_session(std::string_view frame, UpstreamMessage const& message) {
  Spliced out;
  out.add(frame.substr(0, message.session_member.begin));
  out.add(frame.substr(message.session_member.end));
  return out;
}

}  // namespace bridge::cdp
