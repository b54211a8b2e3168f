#include <fmt/format.h>

#include <string>
#include <vector>

#include "cdp/json_scan.hpp"
#include "cdp/mux.hpp"
#include "net/ws_codec.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/documents.hpp"

namespace bridge::fuzz {
namespace {

constexpr ClientId kClient{1};
constexpr std::string_view kRoot = "0123456789ABCDEF0123456789ABCDEF";
constexpr std::string_view kChild = "FEDCBA9876543210FEDCBA9876543210";

/// One client, one command on its way, and what the client is told of it.
class Asked final : private cdp::MuxOut {
 public:
  explicit Asked(bool on_child) {
    mux_.start([](cdp::Mux::Answer const&) {});
    mux_.join(kClient, "", [](cdp::Mux::Answer const&) {});
    mux_.from_upstream(
        fmt::format(R"({{"id":{},"result":{{"sessionId":"{}"}}}})", last_id_, kRoot));
    mux_.from_upstream(
        fmt::format(R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}",)"
                    R"("targetInfo":{{"targetId":"T","type":"page","browserContextId":"C"}},)"
                    R"("waitingForDebugger":false}},"sessionId":"{}"}})",
                    kChild, kRoot));
    told.clear();
    auto const session = on_child ? fmt::format(R"(,"sessionId":"{}")", kChild) : std::string();
    mux_.from_client(kClient, fmt::format(R"({{"id":5,"method":"A.b"{}}})", session));
  }

  [[nodiscard]] std::string reply(std::string_view value, bool on_child) const {
    return fmt::format(R"({{"id":{},"result":{{"pad":"{}","value":{}}},"sessionId":"{}"}})",
                       last_id_, std::string(net::WsDecoder::kHeadMin, 'x'), value,
                       on_child ? kChild : kRoot);
  }
  void take(std::string_view frame) { mux_.from_upstream(frame); }
  /// In pieces of `size` bytes; the connection is lost before the one at or behind `end`.
  void take_pieces(std::string_view frame, std::size_t size, std::size_t end) {
    auto at = net::WsDecoder::kHeadMin;
    require(mux_.begin_pieces(frame.size(), frame.substr(0, at)), "it is taken in pieces");
    mux_.take_piece(frame.substr(0, at), false);
    for (; at < frame.size() && at < end; at += size)
      mux_.take_piece(frame.substr(at, size), frame.size() - at <= size);
    if (at < frame.size()) mux_.lose_upstream();
    require(mux_.in_flight() == 0, "nothing is on its way any more");
  }

  std::vector<std::string> told;
  std::size_t announced = 0;
  bool broken_off = false;

 private:
  void to_upstream(cdp::Spliced const& message) override {
    last_id_ = static_cast<std::int32_t>(parse(message.text())->value["id"]);
  }
  void to_client(ClientId, cdp::Spliced const& message) override { told.push_back(message.text()); }
  bool begin_message(ClientId, std::uint64_t length) override {
    require(announced == 0, "one message at a time");
    announced = static_cast<std::size_t>(length);
    told.emplace_back();
    return true;
  }
  void continue_message(ClientId, std::string_view bytes) override {
    told.back() += bytes;
    require(told.back().size() <= announced, "no more than was announced");
  }
  void pad_message(ClientId) override { told.back().resize(announced, ' '); }
  void break_off(ClientId) override { broken_off = true; }
  void client_leaves(ClientId) override {}
  void target_gone(ClientId) override {}

  std::int32_t last_id_ = 0;
  cdp::Mux mux_{*this};
};

}  // namespace

void check_pieces(std::string_view bytes) {
  Bytes in(bytes);
  bool const on_child = (in.byte() & 1U) != 0;
  std::size_t const size = 1U + in.byte();
  std::size_t const end = 64U * in.byte() + in.byte();
  auto const text = in.rest();
  if (!is_judged(text)) return;
  auto const value = parse(text) ? std::string(text) : cdp::encode_string(text);

  Asked whole(on_child);
  auto const frame = whole.reply(value, on_child);
  whole.take(frame);
  Asked pieces(on_child);
  pieces.take_pieces(frame, size, frame.size());
  require(pieces.told == whole.told && pieces.told.size() == 1, "the same as in one");
  require(pieces.told[0].size() == pieces.announced, "as long as was announced");

  Asked cut(on_child);
  cut.take_pieces(frame, size, end);
  require(cut.told.size() == 1, "one answer");
  if (cut.broken_off || cut.told == whole.told) return;
  require(cut.told[0].size() == cut.announced, "as long as was announced");
  auto const document = parse(cut.told[0]);
  require(document && document->value["id"] == 5, "it is JSON, and the command's");
  require(document->value["error"]["code"].is_number(), "it is an error");
  require(document->value.contains("sessionId") == on_child, "of its session");
}

}  // namespace bridge::fuzz
