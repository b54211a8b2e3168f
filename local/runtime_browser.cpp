#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/runtime_life.hpp"

namespace bridge::local {
namespace {

// A browser on its way out ends its connections first.
constexpr auto kEndLimit = 10s;
constexpr auto kAskLimit = 10s;

// What Chromium makes of a time zone and a language that it was started with: it takes any name and
// falls back to its own. Compared as it spells them, since many zones and languages have two names.
constexpr std::string_view kFingerprint = R"js((([zone, tag]) => {
  const said = {};
  const { timeZone: used } = Intl.DateTimeFormat().resolvedOptions();
  const judge = (name, wanted, spell, actual) => {
    if (!wanted) return;
    try {
      if (spell(wanted) !== spell(actual)) said[name] = `Chromium uses ${actual}`;
    } catch (error) {
      said[name] = `${error.message}`;
    }
  };
  const spelled = (timeZone) =>
    Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone;
  judge('fingerprint.timezone', zone, spelled, used);
  const canonical = (one) => Intl.getCanonicalLocales(one)[0];
  judge('fingerprint.locale', tag, canonical, navigator.language);
  return said;
}))js";

Problem refused(Error const& error) {
  if (error.is(Errc::refused)) return Problem(400, "request.invalid", error.text() + ".");
  return Problem(503, "runtime.host_unavailable", "Chromium did not answer.");
}

}  // namespace

awaitable<Outcome<Json>> Runtimes::ask_browser(RuntimeId id, std::string method, Json params) {
  if (!store_.runtime(id)) co_return Problem::not_found("runtime", id.value);
  auto* const life = find(id);
  if (life == nullptr || life->phase != Phase::active)
    co_return Problem(409, "runtime.not_active", "The runtime is not active.", "Start it first.");
  life->touch();
  // The connection waits for its calls before it goes, and the life for the connection.
  auto& browser = life->recorder->browser();
  auto answer = co_await browser.call(std::move(method), std::move(params), "", kAskLimit);
  if (!answer) co_return refused(answer.error());
  co_return std::move(*answer);
}

std::optional<net::Url> Runtimes::devtools(RunId const& run) const {
  auto const* const life = find(run);
  if (life == nullptr) return std::nullopt;
  return life->chromium.devtools();
}

std::string Runtimes::active_target(RuntimeId const& id,
                                    std::vector<std::string> const& open) const {
  auto const is_open = [&](std::string const& target) {
    return std::find(open.begin(), open.end(), target) != open.end();
  };
  auto const* const life = find(id);
  if (life == nullptr || !life->recorder) return {};
  if (is_open(life->active_target)) return life->active_target;
  auto const& pages = life->recorder->pages();
  for (auto page = pages.rbegin(); page != pages.rend(); ++page)
    if (is_open(page->target)) return page->target;
  return open.empty() ? std::string() : open.front();
}

void Runtimes::set_active_target(RuntimeId const& id, std::string target) {
  if (auto* const life = find(id)) life->active_target = std::move(target);
}

// Ends when Chromium has dropped the recorder's connection and lives on. Its rules have gone with
// the connection: a browser that has any does not live on.
awaitable<void> Runtimes::cut_off(Life& life) {
  co_await life.recorder->browser().ended();
  if (life.recorder->restricts()) {
    life.log.warn("Chromium has cut off who keeps its traffic to the rules, and has to end");
    life.chromium.kill();
  }
  co_await net::sleep_for(kEndLimit);
}

// The window's size is given to Chromium when it starts, but pages get what its bars leave.
awaitable<void> Runtimes::size_window(Life& life, RuntimePlan::Viewport viewport) {
  auto const& pages = life.recorder->pages();
  if (pages.empty()) co_return;
  auto& browser = life.recorder->browser();
  Json const page{{"targetId", pages.front().target}};
  auto const window = co_await browser.call("Browser.getWindowForTarget", page);
  if (!window) {
    life.log.warn("the viewport is only as good as the window's size: {}", window.error().text());
    co_return;
  }
  Json const size{{"windowId", window->value("windowId", 0)},
                  {"width", viewport.width},
                  {"height", viewport.height}};
  auto const sized = co_await browser.call("Browser.setContentsSize", size);
  if (!sized) life.log.warn("the viewport could not be set: {}", sized.error().text());
}

awaitable<void> Runtimes::check_fingerprint(Life& life, RuntimePlan& plan) {
  auto const& pages = life.recorder->pages();
  bool const asks = !plan.timezone.empty() || !plan.languages.empty();
  if (!asks || pages.empty()) co_return;
  auto const wanted =
      Json::array({plan.timezone, plan.languages.empty() ? std::string() : plan.languages.front()});
  Json const question{{"expression", fmt::format("{}({})", kFingerprint, to_text(wanted))},
                      {"returnByValue", true}};
  auto const session = pages.front().session;
  auto const answer =
      co_await life.recorder->browser().call("Runtime.evaluate", question, session, kAskLimit);
  if (!answer) {
    life.log.warn("what the fingerprint comes to is not known: {}", answer.error().text());
    co_return;
  }
  auto const result = answer->value("result", Json::object());
  auto const said = result.value("value", Json::object());
  for (auto const& [name, why] : said.items())
    if (why.is_string()) plan.refused.emplace(name, why.get<std::string>());
}

}  // namespace bridge::local
