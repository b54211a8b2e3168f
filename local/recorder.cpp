#include "local/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace bridge::local {
namespace {

// Long enough to gather what belongs together, too short for a watcher to notice.
constexpr auto kGather = 15ms;
// Every batch is an fsync. Nobody waits for those of a run that nobody watches.
constexpr auto kGatherUnwatched = 250ms;
constexpr auto kTellPause = 1s;
// How long a new page may be held for our sake.
constexpr auto kHoldLimit = 2s;
constexpr std::size_t kWaitingMax = 20'000;
// More than a browser is ever about to finish at once.
constexpr std::size_t kFinishedMax = 1000;
constexpr std::uint64_t kCopyMax = 16ULL << 30;
constexpr std::size_t kCopyPiece = 1 << 20;

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

// On the disk's thread.
Result<void> copy_to(Descriptor const& from, std::filesystem::path const& path) {
  struct stat found {};
  if (::fstat(from.get(), &found) != 0 || !S_ISREG(found.st_mode))
    return Error(Errc::not_found, "copy a download");
  Descriptor const to(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to.is_open()) return system_error("copy a download");
  for (std::uint64_t at = 0;;) {
    auto const bytes = read_at(from.get(), at, kCopyPiece);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return Result<void>{};
    at += bytes->size();
    if (at > kCopyMax) return Error(Errc::too_large, "copy a download");
    auto const wrote = write_all(to.get(), *bytes);
    if (!wrote) return wrote;
  }
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
      downloaded_(loop.executor()),
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
  // included: Chromium 156 does not hold a page that is opened at an address for whoever waits for
  // it, and its document would be over before the page's own session can hear of it. Before the
  // pages, so that there is none it does not know of.
  Json const paused = options_.traffic.paused_requests();
  auto const enabled = co_await cdp_.call("Fetch.enable", paused);
  if (!enabled) co_return enabled.error();
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
  tasks_.spawn("recorder downloads", hand_over_loop());
  tasks_.spawn("recorder budget", tell_loop());
}

awaitable<void> Recorder::close() {
  co_await cdp_.close();
  tell_refused(true);
  // What is there already does not wait for a large file.
  write();
  tasks_.stop();
  co_await tasks_.join();
  co_await hand_over_all();
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
  if (event.method == "Target.detachedFromTarget") {
    auto const session = event.params.value("sessionId", "");
    std::erase_if(fresh_, [&](auto const& page) { return page.second == session; });
  }
  if (event.method == "Fetch.requestPaused") {
    judge(event);
    return;
  }
  for (auto& made : translator_.translate(event, now())) {
    if (made.type == "download" && made.status == "finished")
      keep_download(std::move(made));
    else
      put(std::move(made), event.method);
  }
}

void Recorder::put(Event event, std::string_view method) {
  if (waiting_.size() < kWaitingMax) {
    waiting_.push_back(std::move(event));
    more_.notify();
  } else {
    plenty_.refuse(method);
    refused_.notify();
  }
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
  if (type == "page")
    fresh_.insert_or_assign(event.params.at("targetInfo").at("targetId").get<std::string>(),
                            session);
  if (type == "page" || type == "iframe") {
    cdp_.post("Page.enable", none, session);
    if (options_.open_shadow_roots)
      cdp_.post("Page.addScriptToEvaluateOnNewDocument", open_shadow_roots(), session);
  }
  cdp_.post("Runtime.enable", none, session);
  cdp_.post("Target.setAutoAttach", auto_attach(), session);
  cdp_.post("Runtime.runIfWaitingForDebugger", none, session);
}

// The first document of a page waits until the page's session has all that equip() asked for. A
// page is told of before any request of it; other frames are those of pages that are.
void Recorder::judge(CdpEvent const& event) {
  auto const page = fresh_.find(event.params.value("frameId", ""));
  if (page == fresh_.end()) {
    let_go(event.params, event.session);
    return;
  }
  auto session = std::move(page->second);
  fresh_.erase(page);
  tasks_.spawn("recorder page", listen_first(event.params, std::move(session)));
}

// Chromium answers in order. Whatever it answers, and if it does not, the page goes on.
awaitable<void> Recorder::listen_first(Json paused, std::string session) {
  Json const none;
  [[maybe_unused]] auto const heard =
      co_await cdp_.call("Target.getTargetInfo", none, session, kHoldLimit);
  let_go(paused, "");
  // What Chromium has told of in the session has its id.
  if (!paused.contains("networkId")) translator_.missed(session, paused);
}

void Recorder::let_go(Json const& paused, std::string_view session) {
  auto const& url = paused.at("request").at("url").get_ref<std::string const&>();
  bool const document = paused.value("resourceType", "") == "Document";
  bool const admitted = document && options_.traffic.admits(url);
  Json answer{{"requestId", paused.at("requestId")}};
  if (!admitted) answer["errorReason"] = "BlockedByClient";
  cdp_.post(admitted ? "Fetch.continueRequest" : "Fetch.failRequest", answer, session);
}

// A controller that has set a directory of its own gets its file there; we keep another name of it,
// or hold it open until it is copied: its owner may remove it at once.
void Recorder::keep_download(Event event) {
  if (finished_.size() >= kFinishedMax) {
    plenty_.refuse("Browser.downloadProgress");
    refused_.notify();
    return;
  }
  auto data = Json::parse(*event.data);
  Finished done;
  auto const kept = options_.downloads / data.at("guid").get<std::string>();
  std::filesystem::path const where = data.value("path", kept.string());
  std::error_code ec;
  if (where != kept) {
    std::filesystem::create_hard_link(where, kept, ec);
    if (ec) done.from = Descriptor(::open(where.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  // Where it lies on this machine is nobody's business.
  data.erase("path");
  event.data = to_text(data);
  done.event = std::move(event);
  done.download.run = options_.run;
  done.download.path = kept;
  done.download.name = data.value("suggestedFilename", "");
  done.download.url = data.value("url", "");
  finished_.push_back(std::move(done));
  downloaded_.notify();
}

awaitable<void> Recorder::hand_over_loop() {
  for (;;) {
    co_await downloaded_.wait();
    co_await hand_over_all();
  }
}

// Beside the writer: what else happens does not wait for a large file.
awaitable<void> Recorder::hand_over_all() {
  // A file that is half taken in is finished, or it would be there without its event.
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!finished_.empty()) {
    auto next = std::move(finished_.front());
    finished_.pop_front();
    co_await hand_over(std::move(next));
  }
  co_await asio::this_coro::throw_if_cancelled(true);
}

// Before its event is told: whoever hears of a file can read it.
awaitable<void> Recorder::hand_over(Finished finished) {
  auto& download = finished.download;
  auto const path = download.path;
  if (finished.from.is_open()) {
    auto copy = [&] { return copy_to(finished.from, path); };
    auto const copied = co_await feed_.disk().run(copy);
    if (!copied) {
      log_.warn("a download could not be kept: {}", copied.error().text());
      ::unlink(path.c_str());
    }
  }
  auto data = Json::parse(*finished.event.data);
  std::error_code ec;
  download.bytes = std::filesystem::file_size(path, ec);
  if (!ec) {
    data["bytes"] = download.bytes;
    if (feed_.on_download) {
      auto const file = co_await feed_.on_download(std::move(download));
      if (file) {
        data["fileId"] = *file;
        handed_over_.push_back(path);
      }
    }
  } else if (!finished.from.is_open()) {
    log_.warn("a download could not be kept: {}", ec.message());
  }
  finished.event.data = to_text(data);
  // There are few of them, and their files are there: no flood pushes them out.
  waiting_.push_back(std::move(finished.event));
  more_.notify();
}

void Recorder::clear_downloads() {
  std::error_code ignored;
  for (auto const& path : handed_over_) std::filesystem::remove(path, ignored);
  std::filesystem::remove(options_.downloads, ignored);  // not when something else is in it
}

awaitable<void> Recorder::gather() {
  if (!feed_.is_watched(options_.run)) {
    auto const& run = options_.run;
    co_await (feed_.watched(run) || net::sleep_for(kGatherUnwatched));
  }
  if (feed_.is_watched(options_.run)) co_await net::sleep_for(kGather);
}

awaitable<void> Recorder::write_loop() {
  for (;;) {
    co_await more_.wait();
    co_await gather();
    write();
  }
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
