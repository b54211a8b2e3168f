#include "local/recorder.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

// Long enough to gather what belongs together, too short for a watcher to notice.
constexpr auto kGather = 15ms;
constexpr auto kTellPause = 1s;
constexpr std::size_t kWaitingMax = 20'000;
// Larger ones that somebody else keeps on another disk are not copied: it would hold up the loop.
constexpr std::uintmax_t kCopyMax = 256ULL << 20;

// Everything that pages are made of; not the browser's own windows, which Chromium builds of pages,
// too.
Json const& page_targets() {
  static Json const filter = [] {
    auto types = Json::array();
    for (auto const type : {"page", "iframe", "worker", "shared_worker", "service_worker"})
      types.push_back(Json{{"type", type}});
    types.push_back(Json{{"exclude", true}});
    return types;
  }();
  return filter;
}

Json auto_attach() {
  return Json{{"autoAttach", true},
              {"waitForDebuggerOnStart", true},
              {"flatten", true},
              {"filter", page_targets()}};
}

Json open_shadow_roots() {
  return Json{{"source", R"js((() => {
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function attachShadow(init) {
      return attach.call(this, { ...init, mode: 'open' });
    };
  })())js"},
              {"runImmediately", true}};
}

struct Reason {
  std::string_view name;
  std::string_view text;
};

Reason const& reason_of(EventBudget::Why why) {
  static constexpr Reason kFast{"too_many_events", "they came too fast"};
  static constexpr Reason kLarge{"event_too_large", "each of them is too large"};
  static constexpr Reason kFull{"run_limit_reached", "the run has as many as are kept of one"};
  if (why == EventBudget::Why::too_large) return kLarge;
  return why == EventBudget::Why::full ? kFull : kFast;
}

}  // namespace

Recorder::Recorder(net::Loop& loop, RunFeed& feed, Options options, Log log)
    : feed_(feed),
      options_(std::move(options)),
      log_(std::move(log)),
      translator_(options_.run),
      more_(loop.executor()),
      refused_(loop.executor()),
      cdp_(loop, this),
      tasks_(loop.executor()) {}

awaitable<Result<void>> Recorder::open(net::Url devtools) {
  auto const open = co_await cdp_.open(std::move(devtools));
  if (!open) co_return open;
  std::error_code ec;
  std::filesystem::create_directories(options_.downloads, ec);
  if (ec)
    co_return Error{error_code(ec.value(), boost::system::generic_category()),
                    "create " + options_.downloads.string()};
  // For the default context, before any controller can say otherwise; the events are of all
  // contexts.
  Json const downloads{{"behavior", "allowAndName"},
                       {"downloadPath", options_.downloads.string()},
                       {"eventsEnabled", true}};
  auto const kept = co_await cdp_.call("Browser.setDownloadBehavior", downloads);
  if (!kept) co_return kept.error();
  Json only_pages = Json::array();
  only_pages.push_back(Json{{"type", "page"}});
  only_pages.push_back(Json{{"exclude", true}});
  Json const discover{{"discover", true}, {"filter", only_pages}};
  auto const discovered = co_await cdp_.call("Target.setDiscoverTargets", discover);
  if (!discovered) co_return discovered.error();
  // On the connection itself, which every document of every page passes, the first one of a page
  // included: that is sent while the page's own session is still being told of. Before the pages,
  // so that there is none it does not know of.
  if (restricts()) {
    Json const paused = options_.traffic.paused_requests();
    auto const enabled = co_await cdp_.call("Fetch.enable", paused);
    if (!enabled) co_return enabled.error();
  }
  Json const attach = auto_attach();
  auto const attached = co_await cdp_.call("Target.setAutoAttach", attach);
  if (!attached) co_return attached.error();
  // The pages it told us of have been equipped meanwhile; their last answer is the last to come.
  for (auto const& page : std::vector(pages())) {
    // A list that Chromium does not understand would block nothing at all.
    if (options_.traffic.has_lists()) {
      auto lists = options_.traffic.blocked_urls();
      auto const ruled =
          co_await cdp_.call("Network.setBlockedURLs", std::move(lists), page.session);
      if (!ruled) co_return ruled.error();
    }
    Json const none;
    [[maybe_unused]] auto const ready =
        co_await cdp_.call("Runtime.runIfWaitingForDebugger", none, page.session);
  }
  co_return Result<void>{};
}

void Recorder::begin() {
  tasks_.spawn("recorder", write_loop());
  tasks_.spawn("recorder budget", tell_loop());
}

awaitable<void> Recorder::close() {
  co_await cdp_.close();
  tasks_.stop();
  co_await tasks_.join();
  tell_refused(true);
  co_await hand_over_downloads();
  write();
}

bool Recorder::wants(std::string_view method, std::size_t bytes) {
  if (method == "Fetch.requestPaused") return true;
  if (!EventTranslator::knows(method)) return false;
  // What we need to know, and what ends something: that costs no event of its own.
  if (EventTranslator::is_needed(method)) return true;
  auto& budget = EventTranslator::is_plentiful(method) ? plenty_ : rest_;
  if (budget.allow(method, bytes, Clock::now())) return true;
  refused_.notify();
  return false;
}

void Recorder::on_event(CdpEvent const& event) {
  try {
    take(event);
  } catch (Json::exception const& broken) {
    log_.debug("recorder: {} is not as the protocol has it: {}", event.method, broken.what());
  }
}

void Recorder::take(CdpEvent const& event) {
  if (event.method == "Target.attachedToTarget") equip(event);
  if (event.method == "Fetch.requestPaused") {
    judge(event);
    return;
  }
  for (auto& made : translator_.translate(event, now())) {
    if (made.type == "download" && made.status == "finished") keep_download(made);
    if (waiting_.size() < kWaitingMax) {
      waiting_.push_back(std::move(made));
    } else {
      plenty_.refuse(event.method);
      refused_.notify();
    }
  }
  if (!waiting_.empty()) more_.notify();
}

// Everything a target needs, in one go, then it runs. Whoever lacks a domain (a worker has no Page)
// refuses that one command.
void Recorder::equip(CdpEvent const& event) {
  auto const session = event.params.at("sessionId").get<std::string>();
  auto const& type = event.params.at("targetInfo").at("type").get_ref<std::string const&>();
  Json const none;
  // The bodies are not for us: Chromium need not keep them.
  Json const network{{"maxTotalBufferSize", 0}, {"maxResourceBufferSize", 0}};
  cdp_.post("Network.enable", network, session);
  if (options_.traffic.has_lists())
    cdp_.post("Network.setBlockedURLs", options_.traffic.blocked_urls(), session);
  if (type == "page" || type == "iframe") {
    cdp_.post("Page.enable", none, session);
    if (options_.open_shadow_roots)
      cdp_.post("Page.addScriptToEvaluateOnNewDocument", open_shadow_roots(), session);
  }
  cdp_.post("Runtime.enable", none, session);
  cdp_.post("Target.setAutoAttach", auto_attach(), session);
  cdp_.post("Runtime.runIfWaitingForDebugger", none, session);
}

void Recorder::judge(CdpEvent const& event) {
  auto const& params = event.params;
  auto const& url = params.at("request").at("url").get_ref<std::string const&>();
  bool const document = params.value("resourceType", "") == "Document";
  bool const admitted = document && options_.traffic.admits(url);
  Json answer{{"requestId", params.at("requestId")}};
  if (!admitted) answer["errorReason"] = "BlockedByClient";
  cdp_.post(admitted ? "Fetch.continueRequest" : "Fetch.failRequest", answer, event.session);
}

// A controller that has set a directory of its own gets its file there; we keep another name of it.
void Recorder::keep_download(Event& event) {
  auto data = Json::parse(*event.data);
  auto const guid = data.at("guid").get<std::string>();
  std::filesystem::path const kept = options_.downloads / guid;
  std::filesystem::path const where = data.value("path", kept.string());
  std::error_code ec;
  if (where != kept) {
    std::filesystem::create_hard_link(where, kept, ec);
    if (ec && std::filesystem::file_size(where, ec) <= kCopyMax)
      std::filesystem::copy_file(where, kept, ec);
  }
  // Where it lies on this machine is nobody's business.
  data.erase("path");
  Download download;
  download.run = options_.run;
  download.path = kept;
  download.name = data.value("suggestedFilename", "");
  download.url = data.value("url", "");
  download.bytes = std::filesystem::file_size(kept, ec);
  if (ec) {
    log_.warn("a download could not be kept: {}", ec.message());
  } else {
    data["bytes"] = download.bytes;
    if (feed_.on_download) kept_.insert_or_assign(guid, std::move(download));
  }
  event.data = to_text(data);
}

awaitable<void> Recorder::write_loop() {
  for (;;) {
    co_await more_.wait();
    co_await net::sleep_for(kGather);
    co_await hand_over_downloads();
    write();
  }
}

// Before its event is told: whoever hears of a file can read it.
awaitable<void> Recorder::hand_over_downloads() {
  // A file that is half taken in is finished, or it would be there without its event.
  co_await asio::this_coro::throw_if_cancelled(false);
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (kept_.empty()) break;
    if (waiting_[i].type != "download" || waiting_[i].status != "finished") continue;
    auto data = Json::parse(*waiting_[i].data);
    auto const found = kept_.find(data.value("guid", ""));
    if (found == kept_.end()) continue;
    auto download = std::move(found->second);
    kept_.erase(found);
    auto const file = co_await feed_.on_download(std::move(download));
    if (file) data["fileId"] = *file;
    waiting_[i].data = to_text(data);
  }
  co_await asio::this_coro::throw_if_cancelled(true);
}

awaitable<void> Recorder::tell_loop() {
  for (;;) {
    co_await refused_.wait();
    co_await net::sleep_for(kTellPause);
    tell_refused();
  }
}

void Recorder::tell_refused(bool at_the_end) {
  for (auto* const budget : {&plenty_, &rest_})
    for (auto const& [why, counts] : budget->take_refused(at_the_end)) tell_refused(why, counts);
}

void Recorder::tell_refused(EventBudget::Why why, EventBudget::Counts const& counts) {
  std::uint64_t all = 0;
  Json by_kind = Json::object();
  for (auto const& [method, count] : counts) {
    all += count;
    by_kind[method] = count;
  }
  auto const& reason = reason_of(why);
  Event event;
  event.run = options_.run;
  event.time = now();
  event.type = "runtime.lifecycle";
  event.name = "events.dropped";
  event.data = to_text(Json{{"reason", reason.name}, {"dropped", all}, {"byKind", by_kind}});
  waiting_.push_back(std::move(event));
  more_.notify();
  log_.warn("{} events were not recorded: {}", all, reason.text);
}

void Recorder::write() {
  if (waiting_.empty()) return;
  auto const batch = std::exchange(waiting_, {});
  feed_.add(batch);
}

}  // namespace bridge::local
