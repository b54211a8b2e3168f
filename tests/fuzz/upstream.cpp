#include "cdp/envelope.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/documents.hpp"

namespace bridge::fuzz {
namespace {

void check_message(std::string_view frame, cdp::UpstreamMessage const& message,
                   nlohmann::json document) {
  require(
      parse("\"" + std::string(message.session) + "\"")->value == document.value("sessionId", ""),
      "the session");
  if (message.is_reply()) {
    require(is_int32(document["id"]) && document["id"].get<double>() == *message.id, "the id");
    auto expected = document;
    expected["id"] = 7;
    auto const kept = parse(cdp::rewrite_reply(frame, message, "7", false).text());
    require(kept && kept->value == expected, "the reply with its session");
    expected.erase("sessionId");
    auto const cut = parse(cdp::rewrite_reply(frame, message, "7", true).text());
    require(cut && cut->value == expected, "the reply without its session");
  } else {
    require(parse("\"" + std::string(message.method) + "\"")->value == document["method"],
            "the method");
    document.erase("sessionId");
    auto const cut = parse(cdp::cut_session(frame, message).text());
    require(cut && cut->value == document, "the event without its session");
  }
}

}  // namespace

void check_upstream(std::string_view bytes) {
  auto const message = cdp::read_upstream(bytes);
  if (!message) return;
  (void)cdp::cut_session(bytes, *message).text();
  if (message->is_reply()) (void)cdp::rewrite_reply(bytes, *message, "7", true).text();
  // The runtime is trusted to send JSON, each member once, a session as a string: only then are
  // both ends and the whole scan to agree with a parser.
  auto const document =
      is_judged(bytes) && without_surrogates(bytes) == bytes ? parse(bytes) : std::nullopt;
  if (!document || !document->value.is_object() || document->repeated) return;
  if (!document->value.value("sessionId", nlohmann::json("")).is_string()) return;
  check_message(bytes, *message, document->value);
  auto const shifted = " " + std::string(bytes);
  auto const scanned = cdp::read_upstream(shifted);
  require(scanned.has_value() && scanned->id == message->id, "the quick look and the scan agree");
  check_message(shifted, *scanned, document->value);
}

}  // namespace bridge::fuzz
