#include <algorithm>

#include "cdp/envelope.hpp"
#include "cdp/errors.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/documents.hpp"

namespace bridge::fuzz {
namespace {

/// The rules of Chrome for a command, said once more over a document.
bool is_command(Document const& document) {
  auto const& value = document.value;
  if (!value.is_object() || document.repeated) return false;
  auto const is_member = [](std::string const& key) {
    return key == "id" || key == "method" || key == "params" || key == "sessionId";
  };
  if (!std::all_of(document.keys.begin(), document.keys.end(), is_member)) return false;
  if (!value.contains("id") || !is_int32(value["id"])) return false;
  if (!value.contains("method") || !value["method"].is_string() || value["method"] == "")
    return false;
  if (value.contains("params") && !value["params"].is_structured() && !value["params"].is_null())
    return false;
  return !value.contains("sessionId") || value["sessionId"].is_string();
}

/// Nothing but id and session changes, byte for byte: written back they give the frame.
void check_bytes(std::string_view frame, cdp::Command const& command, std::string_view sent) {
  cdp::Command again;
  require(!cdp::read_command(sent, again), "what is sent is a command");
  require(again.id == 2147483647 && again.session == "S", "with the new id and session");
  require(again.method == command.method && again.params == command.params, "and the rest");
  auto const id = frame.substr(command.id_at.begin, command.id_at.end - command.id_at.begin);
  auto const session =
      frame.substr(command.session_at.begin, command.session_at.end - command.session_at.begin);
  auto back = cdp::rewrite_command(sent, again, id, "", session).text();
  if (session.empty()) {
    auto const comma = back.rfind(",\"sessionId\":");
    require(comma != std::string::npos, "a session was added");
    back.erase(comma, back.find('}', comma) - comma);
  }
  require(back == frame, "every other byte is as it was");
}

}  // namespace

void check_command(std::string_view bytes) {
  cdp::Command command;
  auto const bad = cdp::read_command(bytes, command);
  if (bad) {
    auto const reply = cdp::error_reply(bad->id, bad->code, bad->message);
    require(!is_judged(bytes) || parse(reply).has_value(), "the refusal is JSON");
    require(bad->code < 0 && !bad->message.empty(), "the refusal says what is wrong");
  }
  auto const sent =
      bad ? std::string()
          : cdp::rewrite_command(bytes, command, "2147483647", R"(,"sessionId":"S")", R"("S")")
                .text();
  if (!bad) check_bytes(bytes, command, sent);
  if (!is_judged(bytes)) return;
  auto const neutral = without_surrogates(bytes);
  auto const document = parse(neutral);
  bool const good = document && is_command(*document);
  require(good == !bad, good ? "a command is taken" : "what is no command is refused");
  if (!good) return;
  require(command.id == static_cast<std::int32_t>(document->value["id"].get<double>()), "the id");
  if (neutral == bytes) {
    require(command.method == document->value["method"].get<std::string>(), "the method");
    require(command.session == document->value.value("sessionId", ""), "the session");
  }

  auto expected = document->value;
  expected["id"] = 2147483647;
  expected["sessionId"] = "S";
  auto const read = parse(without_surrogates(sent));
  require(read && !read->repeated && read->value == expected, "the rewritten command");
}

}  // namespace bridge::fuzz
