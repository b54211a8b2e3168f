#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace bridge::cdp {

/// A message to send: pieces of a received one with replacements between. Views only; send it
/// before they go.
class Spliced {
 public:
  Spliced() = default;
  explicit Spliced(std::string_view whole) { add(whole); }
  void add(std::string_view piece) {
    if (!piece.empty()) pieces_[count_++] = piece;
  }
  [[nodiscard]] std::span<std::string_view const> pieces() const {
    return {pieces_.data(), count_};
  }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::size_t size() const;

 private:
  std::array<std::string_view, 8> pieces_{};
  std::size_t count_ = 0;
};

/// The digits of an id, without allocation.
class IdText {
 public:
  explicit IdText(std::int32_t id) {
    auto const end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), id);
    size_ = static_cast<std::size_t>(end.ptr - digits_.data());
  }
  [[nodiscard]] std::string_view view() const { return {digits_.data(), size_}; }

 private:
  std::array<char, 12> digits_{};
  std::size_t size_ = 0;
};

struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] bool empty() const { return begin == end; }
};

/// A client's command that Chrome would take: where its routing members stand in the frame.
struct Command {
  std::int32_t id = 0;
  std::string_view method;      ///< decoded
  std::string_view session;     ///< decoded; empty: none (Chrome takes "" for absent)
  std::string_view params;      ///< raw; empty: none
  ByteRange id_at;              ///< the number
  ByteRange session_at;         ///< the string, quotes included; empty: no such member
  std::size_t close_at = 0;     ///< the final "}"
  std::string decoded_method;   ///< owner of `method` when it was written with escapes
  std::string decoded_session;  ///< the same of `session`

  Command() = default;
  Command(Command const&) = delete;  // the views may point into this object
  Command& operator=(Command const&) = delete;
};

/// What Chrome would answer to a frame it cannot take. None of these replies carries a sessionId.
struct BadCommand {
  int code = 0;
  std::string message;
  std::optional<std::int32_t> id;
};

/// Checks a client's frame as Chrome 156 does: the whole syntax, then member after member. Fills
/// `out` or says what is wrong. envelope_test.cpp has the rules, each with Chrome's reply.
[[nodiscard]] std::optional<BadCommand> read_command(std::string_view frame, Command& out);

/// The command as it goes upstream: id and session replaced or added, every other byte as it was.
[[nodiscard]] Spliced rewrite_command(std::string_view frame, Command const& command,
                                      std::string_view id, std::string_view quoted_session_member,
                                      std::string_view quoted_session);

/// A message of the runtime's browser: a reply (has an id) or an event (has a method).
struct UpstreamMessage {
  std::optional<std::int32_t> id;
  std::string_view method;   ///< of an event, raw
  std::string_view session;  ///< raw, empty: none
  ByteRange id_at;           ///< the number
  ByteRange session_member;  ///< the member and one comma beside it, so that it can be cut
  [[nodiscard]] bool is_reply() const { return id.has_value(); }
};

/// Finds the routing members from both ends, as Chrome writes them, in constant time; scans the
/// whole object when the frame has no session or looks otherwise (a front end may write it anew).
/// None when it is no CDP message.
[[nodiscard]] std::optional<UpstreamMessage> read_upstream(std::string_view frame);

/// The reply as its asker expects it: the asker's id, without the session member when
/// `cut_session`.
[[nodiscard]] Spliced rewrite_reply(std::string_view frame, UpstreamMessage const& message,
                                    std::string_view id, bool cut_session);
/// The message with `member`, `,"sessionId":"..."`, in place of its own; a reply with `id` too.
[[nodiscard]] Spliced rename_session(std::string_view frame, UpstreamMessage const& message,
                                     std::string_view id, std::string_view member);
/// An event without its session member.
[[nodiscard]] Spliced cut_session(std::string_view frame, UpstreamMessage const& message);

}  // namespace bridge::cdp
