#include "local/browser_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/embed.hpp"

namespace bridge::local {

BRIDGE_EMBED(element_script, BRIDGE_ELEMENT_SCRIPT)

namespace {

constexpr auto kAttachLimit = 10s;
constexpr auto kWorld = "bctrl";
constexpr std::string_view kDialog = "Page.javascriptDialogOpening";

Error not_found(std::string words) {
  return Error::saying(Errc::not_found, std::move(words));
}

std::string exception_of(Json const& answer) {
  auto const details = answer.find("exceptionDetails");
  if (details == answer.end()) return {};
  auto const exception = details->find("exception");
  if (exception != details->end() && exception->contains("description"))
    return exception->at("description").get<std::string>();
  return details->value("text", "an exception");
}

}  // namespace

awaitable<Result<void>> BrowserPage::open(Runtimes& runtimes, RuntimeId runtime,
                                          PageChoice choice) {
  auto const run = runtimes.active_run(runtime);
  auto devtools = run ? runtimes.devtools(*run) : std::nullopt;
  if (!devtools) co_return Error::saying(Errc::end_of_stream, "the run is over");
  auto const opened = co_await cdp_.open(std::move(*devtools));
  if (!opened) co_return opened.error();
  auto target = co_await choose(runtimes, runtime, std::move(choice));
  if (!target) co_return target.error();
  target_ = std::move(*target);
  Json const params{{"targetId", target_}, {"flatten", true}};
  auto const attached = co_await cdp_.call("Target.attachToTarget", params, "", kAttachLimit);
  if (!attached) co_return attached.error();
  session_ = attached->value("sessionId", "");
  // Chromium draws no frames of a page behind another, and input waits for one before it is
  // answered. By the browser itself: a page may hang.
  Json const front{{"targetId", target_}};
  [[maybe_unused]] auto const shown =
      co_await cdp_.call("Target.activateTarget", front, "", kAttachLimit);
  runtimes.set_active_target(runtime, target_);
  // Only who has enabled it is told of dialogs. Not waited for: a page may hang.
  cdp_.post("Page.enable", Json::object(), session_);
  co_return Result<void>{};
}

bool BrowserPage::wants(std::string_view method, std::size_t) {
  return method == kDialog;
}

// Until it is answered, the page does nothing else.
void BrowserPage::on_event(CdpEvent const& event) {
  bool const leaves = event.params.value("type", "") == "beforeunload";
  cdp_.post("Page.handleJavaScriptDialog", Json{{"accept", leaves}}, event.session);
}

awaitable<Result<std::string>> BrowserPage::choose(Runtimes& runtimes, RuntimeId runtime,
                                                   PageChoice choice) {
  if (choice.kind == PageChoice::Kind::fresh) {
    Json const blank{{"url", "about:blank"}};
    auto const made = co_await cdp_.call("Target.createTarget", blank);
    if (!made) co_return made.error();
    auto id = made->value("targetId", "");
    runtimes.set_active_target(runtime, id);
    co_return id;
  }
  auto const listed = co_await cdp_.call("Target.getTargets");
  if (!listed) co_return listed.error();
  std::vector<std::string> pages;
  for (auto const& target : listed->value("targetInfos", Json::array()))
    if (target.value("type", "") == "page") pages.push_back(target.value("targetId", ""));
  if (choice.kind == PageChoice::Kind::active) {
    auto active = runtimes.active_target(runtime, pages);
    if (active.empty()) co_return not_found("the browser has no page open");
    co_return active;
  }
  if (std::find(pages.begin(), pages.end(), choice.target) == pages.end())
    co_return not_found("the target is not open");
  co_return std::move(choice.target);
}

awaitable<Result<Json>> BrowserPage::call(std::string method, Json params) {
  return cdp_.call(std::move(method), std::move(params), session_);
}

awaitable<Result<BrowserPage::Frame>> BrowserPage::world_of(std::string session,
                                                            std::string frame) {
  Json const params{{"frameId", frame}, {"worldName", kWorld}};
  auto const made = co_await cdp_.call("Page.createIsolatedWorld", params, session);
  if (!made) co_return made.error();
  Frame found;
  found.session = std::move(session);
  found.context = made->value("executionContextId", std::int64_t{0});
  co_return found;
}

awaitable<Result<BrowserPage::Frame>> BrowserPage::main_frame() {
  auto const tree = co_await call("Page.getFrameTree");
  if (!tree) co_return tree.error();
  auto frame = tree->at("frameTree").at("frame").value("id", "");
  auto session = session_;
  co_return co_await world_of(std::move(session), std::move(frame));
}

awaitable<Result<BrowserPage::Frame>> BrowserPage::child_frame(Frame parent, std::string selector) {
  Json evaluate{{"contextId", parent.context}};
  evaluate["expression"] =
      fmt::format("({}).find({})", element_script(), to_text(Json(std::move(selector))));
  auto const found = co_await cdp_.call("Runtime.evaluate", evaluate, parent.session);
  if (!found) co_return found.error();
  if (auto thrown = exception_of(*found); !thrown.empty())
    co_return Error::saying(Errc::bad_message, std::move(thrown));
  auto object = found->at("result").value("objectId", "");
  if (object.empty()) co_return not_found("no element matches the selector of the frame");
  Json const which{{"objectId", object}};
  auto const node = co_await cdp_.call("DOM.describeNode", which, parent.session);
  if (!node) co_return node.error();
  auto const frame = node->at("node").value("frameId", "");
  if (frame.empty()) co_return not_found("the element is no frame");
  auto here = co_await world_of(parent.session, frame);
  if (here) co_return here;
  co_return co_await world_elsewhere(frame);
}

// A document in another process is a target of its own, named like its frame.
awaitable<Result<BrowserPage::Frame>> BrowserPage::world_elsewhere(std::string frame) {
  if (auto const known = sessions_.find(frame); known != sessions_.end()) {
    auto there = co_await world_of(known->second, frame);
    if (there || there.error().is(Errc::end_of_stream)) co_return there;
    sessions_.erase(frame);
  }
  Json const attach{{"targetId", frame}, {"flatten", true}};
  auto const attached = co_await cdp_.call("Target.attachToTarget", attach, "", kAttachLimit);
  if (!attached) co_return attached.error();
  auto session = attached->value("sessionId", "");
  sessions_.insert_or_assign(frame, session);
  co_return co_await world_of(std::move(session), std::move(frame));
}

awaitable<Result<Json>> BrowserPage::ask(Frame frame, std::string function, Json arguments) {
  auto values = to_text(arguments);
  Json evaluate{{"contextId", frame.context}, {"returnByValue", true}};
  evaluate["expression"] =
      fmt::format("({}).{}({})", element_script(), function, values.substr(1, values.size() - 2));
  auto const answer = co_await cdp_.call("Runtime.evaluate", evaluate, frame.session);
  if (!answer) co_return answer.error();
  if (auto thrown = exception_of(*answer); !thrown.empty())
    co_return Error::saying(Errc::bad_message, std::move(thrown));
  co_return answer->at("result").value("value", Json());
}

}  // namespace bridge::local
