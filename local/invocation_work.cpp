#include "local/invocation_work.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/agent.hpp"

namespace bridge::local {
namespace {

// How long an element may take to become ready when the caller sets no limit of his own.
constexpr Duration kPatience = 10s;
// Characters of a page's text that are kept.
constexpr std::size_t kTextMax = 1'000'000;

// An element is waited for until shortly before the end, however late the work began: what was in
// its way tells more than "timed out".
Duration patience_for(InvocationRequest const& request) {
  auto const left = request.deadline - Clock::now();
  if (!request.limit) return std::min<Duration>(left, kPatience);
  auto const last_words = std::clamp<Duration>(Duration(*request.limit) / 5, 200ms, 2s);
  return left - last_words;
}

InvocationEnd lost(Error const& error, std::string_view code) {
  if (error.is(Errc::end_of_stream))
    return InvocationEnd::failure("failed", "The browser is gone.", Json{{"reason", "run_ended"}});
  return InvocationEnd::failure(code, error.text() + ".", Json{{"reason", "page_failed"}});
}

// What no model of ours can be given.
std::optional<InvocationEnd> beyond_us(InvocationRequest const& request) {
  for (auto const field : {"tools", "toolIds", "toolsetId", "files"}) {
    auto const given = request.body.find(field);
    if (given == request.body.end() || (given->is_array() && given->empty())) continue;
    return InvocationEnd::failure("dispatch_unavailable",
                                  "The local backend's agent works without tools and files.",
                                  Json{{"reason", "not_supported"}, {"field", field}});
  }
  return std::nullopt;
}

}  // namespace

awaitable<InvocationEnd> InvocationWork::operator()(BrowserPage& page, RuntimeId runtime,
                                                    InvocationRequest const& request,
                                                    NoteStep const& note) {
  auto const& body = request.body;
  if (request.element) co_return co_await act(page, request);
  if (request.action == "solveCaptcha") co_return co_await solve_captcha(page, note);
  bool const plain = !body.contains("instruction") && !body.contains("outputSchema");
  if (request.action == "extract" && plain) co_return co_await read_text(page, request);
  co_return co_await ask_model(page, std::move(runtime), request, note);
}

awaitable<InvocationEnd> InvocationWork::act(BrowserPage& page, InvocationRequest const& request) {
  auto action = *request.element;
  auto const obstacle = co_await perform(page, action, patience_for(request));
  if (!obstacle) co_return lost(obstacle.error(), "stagehand_failed");
  if (*obstacle)
    co_return InvocationEnd::failure("stagehand_failed", (*obstacle)->message + ".",
                                     Json{{"reason", (*obstacle)->reason}});
  auto actions = Json::array();
  actions.push_back(to_json(action));
  co_return InvocationEnd::success(Json{{"success", true},
                                        {"message", "Done: " + action.description},
                                        {"actionDescription", action.description},
                                        {"actions", std::move(actions)}});
}

awaitable<InvocationEnd> InvocationWork::read_text(BrowserPage& page,
                                                   InvocationRequest const& request) {
  auto const selector = request.body.value("selector", "");
  auto const frame = co_await page.main_frame();
  if (!frame) co_return lost(frame.error(), "stagehand_failed");
  auto inner = *frame;
  auto parts = split_selector(selector);
  auto const last = parts.back();
  parts.pop_back();
  for (auto const& part : parts) {
    auto const child = co_await page.child_frame(inner, part);
    if (!child) co_return lost(child.error(), "stagehand_failed");
    inner = *child;
  }
  Json const which = Json::array({last, kTextMax});
  auto const text = co_await page.ask(inner, "text", which);
  if (!text) co_return lost(text.error(), "stagehand_failed");
  if (!text->is_object())
    co_return InvocationEnd::failure("stagehand_failed", "No element matches the selector.",
                                     Json{{"reason", "element_not_found"}});
  Json output{{"pageText", text->at("text")}};
  if (text->value("cut", false)) output["truncated"] = true;
  co_return InvocationEnd::success(std::move(output));
}

awaitable<InvocationEnd> InvocationWork::solve_captcha(BrowserPage& page, NoteStep const& note) {
  auto const frame = co_await page.main_frame();
  if (!frame) co_return lost(frame.error(), "captcha_solve_failed");
  Json const nothing = Json::array();
  auto const kind = co_await page.ask(*frame, "captcha", nothing);
  if (!kind) co_return lost(kind.error(), "captcha_solve_failed");
  if (!kind->is_string())
    co_return InvocationEnd::failure("captcha_not_found", "There is no captcha on this page.");
  note("captcha.detected", "captcha", "A captcha is on the page", Json{{"type", *kind}});
  co_return InvocationEnd::failure("captcha_solve_failed",
                                   "The local backend has no service that solves captchas.",
                                   Json{{"retryable", false}, {"type", *kind}});
}

awaitable<InvocationEnd> InvocationWork::ask_model(BrowserPage& page, RuntimeId runtime,
                                                   InvocationRequest const& request,
                                                   NoteStep const& note) {
  if (auto refused = beyond_us(request)) co_return std::move(*refused);
  bool const browser_use = request.action == "browserUse";
  auto const wanted = request.body.value("model", Json());
  auto const model = find_model_(runtime, wanted, browser_use ? "browserUse" : "stagehand");
  if (!model) {
    auto const& details = model.error().details;
    co_return InvocationEnd::failure(
        "dispatch_unavailable", model.error().message,
        details.empty() ? Json{{"reason", "no_model"}} : Json::parse(details));
  }
  if (auto const given = request.body.find("temperature"); given != request.body.end())
    (*model)->set("temperature", *given);
  Agent agent(page, **model, request, note);
  if (request.action == "act") co_return co_await agent.act();
  if (request.action == "observe") co_return co_await agent.observe();
  if (request.action == "extract") co_return co_await agent.extract();
  co_return co_await agent.work();
}

}  // namespace bridge::local
