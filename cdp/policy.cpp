#include "cdp/policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "cdp/envelope.hpp"
#include "cdp/json_scan.hpp"
#include "cdp/method_index.hpp"

namespace bridge::cdp {
namespace {

struct Row {
  std::string_view method;
  Rule rule;
};

// Sorted by method. Everything else is forwarded.
constexpr std::array kRows{
    Row{"Browser.close", Rule::leave},
    Row{"Browser.crash", Rule::refuse},
    Row{"Browser.crashGpuProcess", Rule::refuse},
    Row{"Browser.setDownloadBehavior", Rule::note_download},
    Row{"Fetch.continueRequest", Rule::continue_request},
    Row{"Fetch.continueResponse", Rule::continue_request},
    Row{"Fetch.continueWithAuth", Rule::continue_request},
    Row{"Fetch.disable", Rule::continue_requests},
    Row{"Fetch.failRequest", Rule::continue_request},
    Row{"Fetch.fulfillRequest", Rule::continue_request},
    Row{"Page.bringToFront", Rule::note_activity},
    Row{"Runtime.runIfWaitingForDebugger", Rule::resume_target},
    Row{"Target.activateTarget", Rule::note_activity},
    Row{"Target.attachToBrowserTarget", Rule::note_attach},
    Row{"Target.attachToTarget", Rule::note_attach},
    Row{"Target.createBrowserContext", Rule::note_context},
    Row{"Target.createTarget", Rule::look_at_url},
    Row{"Target.detachFromTarget", Rule::detach},
    Row{"Target.disposeBrowserContext", Rule::note_dispose},
    Row{"Target.exposeDevToolsProtocol", Rule::refuse},
    Row{"Target.sendMessageToTarget", Rule::look_inside},
};

static_assert(std::is_sorted(kRows.begin(), kRows.end(),
                             [](Row const& a, Row const& b) { return a.method < b.method; }));

constexpr MethodIndex kIndex(kRows);

constexpr int kMaxNesting = 8;

Rule nested(std::string_view params, int depth);

Rule verdict(std::string_view message, int depth) {
  Command inside;
  if (read_command(message, inside)) return Rule::refuse;
  switch (rule_for(inside.method)) {
    case Rule::leave:
    case Rule::refuse:
      return Rule::refuse;
    case Rule::look_inside:
      return depth < kMaxNesting ? nested(inside.params, depth + 1) : Rule::refuse;
    case Rule::look_at_url:
      return rule_for_url(inside.params);
    default:
      return Rule::forward;
  }
}

// Chrome 156 obeys the last of several "message" members, and reads more than JSON (raw control
// characters in strings): every one must pass, and what we cannot read does not. Both ways round
// the policy were tried on Chrome.
Rule nested(std::string_view params, int depth) {
  auto const at = skip_space(params, 0);
  if (at >= params.size() || params[at] != '{')
    return Rule::forward;  // Chrome refuses it by itself
  JsonObjectScan scan(params, at);
  JsonMember member;
  while (scan.next(member)) {
    if (!member.is("message") || member.value.front() != '"') continue;
    if (verdict(decode_string(member.value), depth) == Rule::refuse) return Rule::refuse;
  }
  return Rule::forward;
}

}  // namespace

Rule rule_for(std::string_view method) {
  auto const* row = kIndex.find(method);
  return row != nullptr ? row->rule : Rule::forward;
}

bool ends_browser(std::string_view url) {
  // As Chromium's parser reads an address: blanks and controls go, escapes are undone, a backslash
  // is a slash, and about: stands for chrome:.
  std::string plain;
  for (std::size_t i = 0; i < url.size(); ++i) {
    unsigned value = static_cast<unsigned char>(url[i]);
    if (value == '%' && i + 2 < url.size()) {
      auto const* digits = url.data() + i + 1;
      unsigned escaped = 0;
      if (std::from_chars(digits, digits + 2, escaped, 16).ptr == digits + 2) {
        value = escaped;
        i += 2;
      }
    }
    if (value <= ' ') continue;
    char const c = static_cast<char>(value);
    plain += c == '\\' ? '/' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  std::string_view rest = plain;
  auto const skip = [&rest](std::string_view prefix) {
    bool const there = rest.starts_with(prefix);
    if (there) rest.remove_prefix(prefix.size());
    return there;
  };
  while (skip("view-source:")) continue;
  if (!skip("chrome:") && !skip("about:")) return false;
  while (skip("/")) continue;
  if (!skip("quit") && !skip("restart")) return false;
  return rest.empty() || std::string_view("/?#:.@").find(rest.front()) != std::string_view::npos;
}

Rule rule_for_url(std::string_view params) {
  auto const at = skip_space(params, 0);
  if (at >= params.size() || params[at] != '{')
    return Rule::forward;  // Chrome refuses it by itself
  JsonObjectScan scan(params, at);
  JsonMember member;
  while (scan.next(member))
    if (member.is("url") && ends_browser(decode_string(member.value))) return Rule::refuse;
  return Rule::forward;
}

Rule rule_for_nested(std::string_view params) {
  return nested(params, 0);
}

}  // namespace bridge::cdp
