#include "cdp/json_fault.hpp"
#include "cdp/json_scan.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/documents.hpp"

namespace bridge::fuzz {
namespace {

bool is_json(std::string_view text) {
  std::size_t bad_at = 0;
  auto const end = cdp::skip_value(text, cdp::skip_space(text, 0), bad_at);
  if (end == std::string_view::npos) require(bad_at <= text.size(), "the fault is in the text");
  return end != std::string_view::npos && cdp::skip_space(text, end) == text.size();
}

}  // namespace

void check_json(std::string_view bytes) {
  bool const good = is_json(bytes);
  auto const fault = cdp::json_fault(bytes);
  require(!good || !fault, "Chrome's parser takes what ours takes");
  auto const encoded = cdp::encode_string(bytes);
  require(is_json(encoded), "what is encoded is JSON");
  (void)cdp::decode_string(bytes);
  (void)cdp::decode_escapes(bytes);
  (void)cdp::find_member(bytes, "id");
  if (!is_judged(bytes)) return;
  require(good == parse(without_surrogates(bytes)).has_value(), "JSON is JSON");
  if (without_surrogates(bytes) != bytes) return;
  require(cdp::decode_string(encoded) == bytes, "what is encoded reads back");
  require(parse(encoded)->value == std::string(bytes), "and is read the same elsewhere");
  auto const document = parse(bytes);
  if (!document) return;
  auto const& value = document->value;
  if (value.is_string()) {
    auto const at = bytes.find('"');
    auto const raw = bytes.substr(at, bytes.rfind('"') + 1 - at);
    require(cdp::decode_string(raw) == value.get<std::string>(), "a string means the same");
  }
  if (!value.is_object() || document->repeated) return;
  auto const inside = bytes.substr(bytes.find('{'));
  for (auto const& [key, member] : value.items()) {
    auto const raw = cdp::find_member(inside, key);
    require(raw && parse(*raw) && parse(*raw)->value == member, "a member is found");
  }
}

}  // namespace bridge::fuzz
