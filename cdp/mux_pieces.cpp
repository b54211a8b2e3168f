#include <algorithm>
#include <charconv>

#include "cdp/errors.hpp"
#include "cdp/json_scan.hpp"
#include "cdp/mux.hpp"
#include "cdp/mux_words.hpp"

// Large replies that pass through in pieces, on their way before they are all there.

namespace bridge::cdp {
namespace {

// Room for what ends a reply whose rest is lost: closing brackets, an error, a session.
constexpr std::size_t kHeldBack = 1024;
// What can be asked for again after a loss is better than an error, as long as it can be stored.
constexpr std::uint64_t kStoredMax = 4ULL << 20;

struct ReplyHead {
  std::int32_t id = 0;
  std::size_t end = 0;  ///< of the id's digits
};

std::optional<ReplyHead> read_head(std::string_view head) {
  constexpr std::string_view kId = "{\"id\":";
  if (!head.starts_with(kId)) return std::nullopt;
  ReplyHead out;
  auto const* const end = head.data() + head.size();
  auto const number = std::from_chars(head.data() + kId.size(), end, out.id);
  if (number.ec != std::errc()) return std::nullopt;
  out.end = static_cast<std::size_t>(number.ptr - head.data());
  if (!head.substr(out.end).starts_with(",\"result\":{")) return std::nullopt;
  return out;
}

}  // namespace

bool Mux::begin_pieces(std::uint64_t length, std::string_view head) {
  auto const reply = read_head(head);
  auto const* const pending = reply ? pending_.find(reply->id) : nullptr;
  if (pending == nullptr || pending->client == kOurselves || holds_.letting_go()) return false;
  auto const kept = kept_.find(reply->id);
  bool const looked_at = kept != kept_.end() && kept->second.use != Kept::Use::again;
  if (looked_at || (kept != kept_.end() && length <= kStoredMax)) return false;
  auto const* const session = sessions_.find_number(pending->session);
  if (session == nullptr || session->wire.empty()) return false;

  Pieces pieces;
  pieces.id = reply->id;
  pieces.to = pending->client;
  pieces.skip = reply->end;
  pieces.tail = session->member + "}";
  if (session->parent != nullptr) pieces.member = client_member(*session);
  auto const begin = "{\"id\":" + std::string(IdText(pending->client_id).view());
  pieces.left = length - reply->end + begin.size() - pieces.tail.size() + pieces.member.size() + 1;
  pieces.held_back.reserve(2 * kHeldBack);
  if (!out_.begin_message(pieces.to, pieces.left)) pieces.to = kOurselves;
  pieces_.emplace(std::move(pieces));
  put_piece(begin);
  return true;
}

void Mux::put_piece(std::string_view bytes) {
  auto& pieces = *pieces_;
  if (pieces.to == kOurselves || bytes.empty()) return;
  pieces.left -= bytes.size();
  pieces.ending.pass(bytes);
  out_.continue_message(pieces.to, bytes);
}

void Mux::take_piece(std::string_view piece, bool last) {
  if (!pieces_) return;
  auto& pieces = *pieces_;
  auto& held = pieces.held_back;
  piece.remove_prefix(std::exchange(pieces.skip, 0));
  if (piece.size() >= kHeldBack) {
    put_piece(held);
    auto const kept = piece.size() - kHeldBack;
    put_piece(piece.substr(0, kept));
    held = piece.substr(kept);
  } else {
    held += piece;
    auto const over = held.size() - std::min(held.size(), kHeldBack);
    put_piece(std::string_view(held).substr(0, over));
    held.erase(0, over);
  }
  if (!last) return;
  if (!held.ends_with(pieces.tail)) {  // Chrome has always written it like this
    ++counts_.garbage;
    return break_off_pieces();
  }
  held.resize(held.size() - pieces.tail.size());
  held += pieces.member;
  held += '}';
  put_piece(held);
  ++counts_.replies;
  forget_pieces();
  if (when_quiet_ && in_flight() == 0) std::exchange(when_quiet_, nullptr)();
}

// The reply becomes the error that its command would have got, behind what is there of its result.
void Mux::break_off_pieces() {
  if (!pieces_) return;
  auto const& pieces = *pieces_;
  if (pieces.to != kOurselves) {
    ++counts_.lost;
    auto const reply = target_gone(0, {});
    auto const error = find_member(reply, "error").value_or("{}");
    auto const ending = pieces.ending.end_with("\"error\":" + std::string(error) + pieces.member);
    if (ending && ending->size() <= pieces.left) {
      put_piece(*ending);
      out_.pad_message(pieces.to);
    } else {
      out_.break_off(pieces.to);
    }
  }
  forget_pieces();
}

void Mux::forget_pieces() {
  auto const id = pieces_->id;
  pieces_.reset();
  kept_.erase(id);
  if (auto const pending = pending_.take(id)) {
    settle_flow(*pending);
  } else {
    (void)behind_detach_.take(id);
  }
}

}  // namespace bridge::cdp
