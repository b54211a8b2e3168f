#include "cdp/discovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/html.hpp"
#include "cdp/json_scan.hpp"

namespace bridge::cdp {
namespace {

// What Chrome's /json/list leaves out.
constexpr std::array<std::string_view, 5> kHidden{"browser", "tab", "worklet",
                                                  "shared_storage_worklet", "auction_worklet"};

std::string text_of(std::string_view object, std::string_view key) {
  auto const raw = find_member(object, key);
  return raw ? decode_string(*raw) : std::string();
}

// Chrome's JSON writer: "<" is escaped, line separators too, everything else beyond ASCII stays
// UTF-8.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '<':
        out += "\\u003C";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        } else if (text.substr(i, 3) == "\xe2\x80\xa8" || text.substr(i, 3) == "\xe2\x80\xa9") {
          out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
          i += 2;
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

void add_member(std::string& out, std::string_view key, std::string_view value) {
  out += fmt::format("{}   \"{}\": {}", out.ends_with("{\n") ? "" : ",\n", key, json_string(value));
}

// "537.36" out of "... AppleWebKit/537.36 (KHTML ...".
std::string webkit_number(std::string_view user_agent) {
  constexpr std::string_view kName = "AppleWebKit/";
  auto const at = user_agent.find(kName);
  if (at == std::string_view::npos) return "537.36";
  auto const from = user_agent.substr(at + kName.size());
  return std::string(from.substr(0, from.find(' ')));
}

}  // namespace

void Discovery::set_version(std::string_view result) {
  version_.product = text_of(result, "product");
  version_.protocol = text_of(result, "protocolVersion");
  version_.revision = text_of(result, "revision");
  version_.user_agent = text_of(result, "userAgent");
  version_.js = text_of(result, "jsVersion");
}

void Discovery::on_event(std::string_view method, std::string_view params) {
  if (method == "Target.targetDestroyed") {
    auto const at = targets_.find(std::string_view(text_of(params, "targetId")));
    if (at != targets_.end()) targets_.erase(at);
    return;
  }
  bool const created = method == "Target.targetCreated";
  if (!created && method != "Target.targetInfoChanged") return;
  auto const info = find_member(params, "targetInfo");
  if (!info) return;
  auto id = text_of(*info, "targetId");
  if (id.empty()) return;
  auto& target = targets_[id];
  if (created || target.activity == 0) target.activity = ++clock_;
  target.id = std::move(id);
  target.type = text_of(*info, "type");
  target.title = text_of(*info, "title");
  target.url = text_of(*info, "url");
  if (created) pair_with_tab(target);
  target.parent = target.type == "iframe"   ? text_of(*info, "parentFrameId")
                  : target.type == "worker" ? text_of(*info, "parentId")
                                            : std::string();
}

// Chrome says of no tab which page it holds. A new tab is empty and its page comes right behind it.
void Discovery::pair_with_tab(TargetInfo& created) {
  if (created.type == "tab" && created.url.empty()) {
    newest_tab_ = created.id;
  } else if (created.type == "page") {
    created.tab = std::exchange(newest_tab_, {});
  }
}

// A tab that was there before us looks like its page.
std::vector<TargetInfo const*> Discovery::with_their_tabs(
    std::vector<TargetInfo const*> const& pages) const {
  std::vector<TargetInfo const*> tabs;
  for (auto const& [id, target] : targets_)
    if (target.type == "tab") tabs.push_back(&target);
  std::sort(tabs.begin(), tabs.end(),
            [](TargetInfo const* a, TargetInfo const* b) { return a->activity > b->activity; });
  auto const take = [&tabs](auto const& is_its) -> TargetInfo const* {
    auto const at = std::find_if(tabs.begin(), tabs.end(), is_its);
    if (at == tabs.end()) return nullptr;
    auto const* found = *at;
    tabs.erase(at);
    return found;
  };
  std::vector<TargetInfo const*> known(pages.size());
  for (std::size_t i = 0; i < pages.size(); ++i)
    known[i] = take([&](TargetInfo const* tab) { return tab->id == pages[i]->tab; });

  std::vector<TargetInfo const*> out;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    auto const& page = *pages[i];
    out.push_back(&page);
    auto const* tab = known[i];
    if (tab == nullptr && page.type == "page")
      tab = take([&](TargetInfo const* t) { return t->url == page.url && t->title == page.title; });
    if (tab != nullptr) out.push_back(tab);
  }
  out.insert(out.end(), tabs.begin(), tabs.end());
  return out;
}

void Discovery::refresh(std::string_view result) {
  auto const infos = find_member(result, "targetInfos").value_or("");
  std::size_t bad_at = 0;
  for (auto at = skip_space(infos, 1); at < infos.size() && infos[at] == '{';) {
    auto const end = skip_value(infos, at, bad_at);
    if (end == std::string_view::npos) return;
    auto const info = infos.substr(at, end - at);
    auto const known = targets_.find(std::string_view(text_of(info, "targetId")));
    if (known != targets_.end()) {
      known->second.title = text_of(info, "title");
      known->second.url = text_of(info, "url");
    }
    at = skip_space(infos, end);
    if (at < infos.size() && infos[at] == ',') at = skip_space(infos, at + 1);
  }
}

void Discovery::note_activity(std::string_view target) {
  auto const at = targets_.find(target);
  if (at != targets_.end()) at->second.activity = ++clock_;
}

TargetInfo const* Discovery::find(std::string_view target) const {
  auto const at = targets_.find(target);
  return at == targets_.end() ? nullptr : &at->second;
}

std::string Discovery::version_json(std::string_view authority,
                                    std::string_view browser_path) const {
  std::string out = "{\n";
  add_member(out, "Browser", version_.known() ? std::string_view(version_.product) : "Chrome");
  add_member(out, "File-Path-Style", "posix");
  add_member(out, "Protocol-Version", version_.protocol);
  add_member(out, "User-Agent", version_.user_agent);
  add_member(out, "V8-Version", version_.js);
  add_member(out, "WebKit-Version",
             fmt::format("{} ({})", webkit_number(version_.user_agent), version_.revision));
  add_member(out, "webSocketDebuggerUrl", fmt::format("ws://{}{}", authority, browser_path));
  return out + "\n}\n";
}

std::string Discovery::entry(TargetInfo const& target, std::string_view authority) const {
  bool const worker = target.type == "service_worker" || target.type == "shared_worker";
  auto const socket = fmt::format("{}/devtools/page/{}", authority, target.id);
  std::string out = "{\n";
  add_member(out, "description", "");
  add_member(out, "devtoolsFrontendUrl",
             fmt::format("https://chrome-devtools-frontend.appspot.com/serve_rev/{}/{}.html?ws={}",
                         version_.revision, worker ? "worker_app" : "inspector", socket));
  add_member(out, "id", target.id);
  if (!target.parent.empty()) add_member(out, "parentId", target.parent);
  add_member(out, "title", html_escape(target.title));
  add_member(out, "type", target.type);
  add_member(out, "url", target.url);
  add_member(out, "webSocketDebuggerUrl", "ws://" + socket);
  return out + "\n}";
}

std::string Discovery::target_json(TargetInfo const& target, std::string_view authority) const {
  return entry(target, authority) + "\n";
}

std::string Discovery::list_json(std::string_view authority, bool with_tabs) const {
  std::vector<TargetInfo const*> shown;
  for (auto const& [id, target] : targets_) {
    bool const hidden = std::find(kHidden.begin(), kHidden.end(), target.type) != kHidden.end();
    if (!hidden) shown.push_back(&target);
  }
  auto const is_ui = [](TargetInfo const& target) { return target.type == "browser_ui"; };
  auto const is_worker = [](TargetInfo const& target) { return target.type == "worker"; };
  std::sort(shown.begin(), shown.end(), [&](TargetInfo const* a, TargetInfo const* b) {
    // Nobody uses a dedicated worker by itself, so it is last, in the order of its start.
    if (is_worker(*a) != is_worker(*b)) return is_worker(*b);
    if (is_worker(*a)) return a->activity < b->activity;
    if (is_ui(*a) != is_ui(*b)) return is_ui(*b);
    // Those were there before us, and nobody uses them: this is the order they have in Chrome.
    if (is_ui(*a) && a->url != b->url) return a->url < b->url;
    return a->activity > b->activity;
  });
  if (with_tabs) shown = with_their_tabs(shown);
  std::string out = "[ ";
  for (auto const* target : shown) {
    if (out.size() > 2) out += ", ";
    out += entry(*target, authority);
  }
  return out + " ]\n";
}

}  // namespace bridge::cdp
