#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/runtime_plan.hpp"

namespace bridge::local {
namespace {

constexpr auto kCloseLimit = 5s;
constexpr auto kClosePause = 10ms;

RuntimeId runtime_of(Call const& call) {
  return RuntimeId{call.parameters.at("runtimeId")};
}

/// The pages of a runtime as Chromium names them.
awaitable<Outcome<std::vector<Json>>> pages_of(Parts& parts, RuntimeId id) {
  Json params = Json::object();
  auto const answer = co_await parts.runtimes.ask_browser(id, "Target.getTargets", params);
  if (!answer) co_return answer.error();
  std::vector<Json> pages;
  for (auto const& info : answer->value("targetInfos", Json::array()))
    if (info.value("type", "") == "page" && info.value("subtype", "").empty())
      pages.push_back(info);
  co_return pages;
}

std::vector<Json> views_of(Parts& parts, RuntimeId const& id, std::vector<Json> const& pages) {
  std::vector<std::string> open;
  for (auto const& page : pages) open.push_back(page.at("targetId").get<std::string>());
  auto const active = parts.runtimes.active_target(id, open);
  std::vector<Json> views;
  for (auto const& page : pages) {
    auto const target = page.at("targetId").get<std::string>();
    views.push_back(Json{{"id", target},
                         {"runtimeId", id.value},
                         {"type", "browser_page"},
                         {"label", page.value("title", "")},
                         {"uri", page.value("url", "")},
                         {"active", target == active}});
  }
  return views;
}

awaitable<Outcome<Json>> find_target(Parts& parts, RuntimeId id, std::string target) {
  auto const pages = co_await pages_of(parts, id);
  if (!pages) co_return pages.error();
  for (auto& view : views_of(parts, id, *pages))
    if (view.at("id") == target) co_return std::move(view);
  co_return Problem::not_found("target", target);
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const id = runtime_of(call);
  auto const pages = co_await pages_of(parts, id);
  if (!pages) co_return pages.error();
  co_return json_reply(200, Json{{"data", views_of(parts, id, *pages)}, {"nextCursor", nullptr}});
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const id = runtime_of(call);
  auto target = call.parameters.at("targetId");
  auto const found = co_await find_target(parts, id, std::move(target));
  if (!found) co_return found.error();
  co_return json_reply(200, *found);
}

// With a scheme and without blanks: of anything else Chromium makes a blank page.
bool is_address(std::string_view text) {
  auto const colon = text.find(':');
  auto const scheme = text.substr(0, colon);
  bool const named = colon != std::string_view::npos && !scheme.empty() &&
                     std::all_of(scheme.begin(), scheme.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
                     });
  return named && text.find_first_of(" \t\r\n") == std::string_view::npos;
}

// Chromium would make a page that shows nothing but the refusal.
bool admits(Parts& parts, RuntimeId const& id, std::string const& uri) {
  auto const runtime = parts.store.runtime(id);
  return !runtime || plan_of(runtime->config).traffic.admits(uri);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  auto const id = runtime_of(call);
  if (!is_address(call.body.value("uri", "about:blank")))
    co_return Problem::invalid("uri", "uri must be an address like https://example.com/.");
  if (!admits(parts, id, call.body.value("uri", "about:blank")))
    co_return Problem::invalid("uri", "The runtime's networkTraffic keeps its pages from uri.");
  auto const activate = call.body.value("activate", true);
  Json const params{{"url", call.body.value("uri", "about:blank")}, {"background", !activate}};
  auto const made = co_await parts.runtimes.ask_browser(id, "Target.createTarget", params);
  if (!made && made.error().status == 400)
    co_return Problem::invalid("uri", "uri is no address that a page can be opened at.");
  if (!made) co_return made.error();
  auto target = made->at("targetId").get<std::string>();
  // A page in the background must not become the active one because it is the newest.
  if (activate) parts.runtimes.set_active_target(id, target);
  auto const found = co_await find_target(parts, id, std::move(target));
  if (!found) co_return found.error();
  co_return json_reply(201, *found);
}

awaitable<Outcome<net::HttpReply>> activate(Parts& parts, Call const& call) {
  auto const id = runtime_of(call);
  auto const target = call.parameters.at("targetId");
  auto const found = co_await find_target(parts, id, target);
  if (!found) co_return found.error();
  Json const params{{"targetId", target}};
  auto const done = co_await parts.runtimes.ask_browser(id, "Target.activateTarget", params);
  if (!done) co_return done.error();
  parts.runtimes.set_active_target(id, target);
  auto view = *found;
  view["active"] = true;
  co_return json_reply(200, view);
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const id = runtime_of(call);
  auto const target = call.parameters.at("targetId");
  auto const found = co_await find_target(parts, id, target);
  if (!found) co_return found.error();
  Json const params{{"targetId", target}};
  auto const done = co_await parts.runtimes.ask_browser(id, "Target.closeTarget", params);
  if (!done) co_return done.error();
  // Chromium answers before the page has gone.
  auto const deadline = Clock::now() + kCloseLimit;
  while (Clock::now() < deadline) {
    auto const there = co_await find_target(parts, id, target);
    if (!there && there.error().status == 404)
      co_return json_reply(200, Json{{"id", target}, {"deleted", true}});
    if (!there) co_return there.error();
    co_await net::sleep_for(kClosePause);
  }
  co_return Problem(503, "runtime.host_unavailable", "The page does not close.",
                    "Stop the runtime if it has to go.");
}

constexpr std::array kRows{
    Operation{{"runtimes.targets.list", "GET", "/v1/runtimes/{runtimeId}/targets"}, list},
    Operation{{"runtimes.targets.create", "POST", "/v1/runtimes/{runtimeId}/targets"}, create},
    Operation{{"runtimes.targets.get", "GET", "/v1/runtimes/{runtimeId}/targets/{targetId}"}, get},
    Operation{{"runtimes.targets.activate", "POST",
               "/v1/runtimes/{runtimeId}/targets/{targetId}/activate"},
              activate},
    Operation{{"runtimes.targets.delete", "DELETE", "/v1/runtimes/{runtimeId}/targets/{targetId}"},
              remove},
};

}  // namespace

std::span<Operation const> target_operations() {
  return kRows;
}

}  // namespace bridge::local
