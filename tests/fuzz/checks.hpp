#pragma once

#include <string_view>

namespace bridge::fuzz {

// What must hold for any bytes whatever. Each throws std::logic_error that says what does not hold.
// libFuzzer looks for such bytes; what it has found interesting is in corpus/ and runs with the
// unit tests.

/// A client's frame: taken when, and only when, nlohmann::json and the wording of Chrome's rules
/// take it, and rewritten to that document with another id and session.
void check_command(std::string_view bytes);
/// A frame of the runtime: the same, for replies and events.
void check_upstream(std::string_view bytes);
/// Values, strings and Chrome's words for what is no JSON.
void check_json(std::string_view bytes);
/// A script of joins, leaves, commands and answers: nothing reaches a client that it is not for,
/// nothing is sent on a session of another, and the tables are empty at the end.
void check_mux(std::string_view bytes);
/// A long reply, cut anywhere, and a connection that is lost on the way: what the client gets is as
/// long as announced, the same as in one or the error of its command.
void check_pieces(std::string_view bytes);
/// WebSocket frames, cut anywhere, and what a correct peer would send.
void check_ws(std::string_view bytes);
/// HTTP requests, cut anywhere, and what the handshake makes of them.
void check_request(std::string_view bytes);
/// What the guard lets in of a request: no foreign Host, no foreign Origin.
void check_guard(std::string_view bytes);
/// HTTP replies, cut anywhere.
void check_reply(std::string_view bytes);
/// Archives: written below their directory only, within the limits, as they say they are.
void check_unzip(std::string_view bytes);
/// Packages of extensions of both versions: taken when, and only when, their signatures are right.
void check_crx(std::string_view bytes);
/// What an extension says of itself, once it is unpacked.
void check_package(std::string_view bytes);
/// Forms, cut anywhere, against one who reads them whole, and as browsers write them.
void check_multipart(std::string_view bytes);
/// Addresses and Host headers.
void check_address(std::string_view bytes);

void require(bool holds, std::string_view what);

/// Takes the bytes apart from the front; all zero when none are left.
class Bytes {
 public:
  explicit Bytes(std::string_view left) : left_(left) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }
  unsigned char byte() {
    if (left_.empty()) return 0;
    auto const out = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return out;
  }
  std::string_view take(std::size_t count) {
    auto const out = left_.substr(0, count);
    left_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() { return take(left_.size()); }

 private:
  std::string_view left_;
};

}  // namespace bridge::fuzz
