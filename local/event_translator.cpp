#include "local/event_translator.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "local/console_text.hpp"

namespace bridge::local {
namespace {

using namespace std::string_view_literals;

constexpr std::array kPlentiful{
    "Network.requestWillBeSent"sv,    "Network.responseReceived"sv, "Network.loadingFailed"sv,
    "Network.loadingFinished"sv,      "Runtime.consoleAPICalled"sv, "Runtime.exceptionThrown"sv,
    "Page.navigatedWithinDocument"sv,
};
constexpr std::array kOthers{
    "Target.attachedToTarget"sv,      "Target.detachedFromTarget"sv,   "Page.frameNavigated"sv,
    "Page.javascriptDialogOpening"sv, "Page.javascriptDialogClosed"sv, "Target.targetCrashed"sv,
    "Browser.downloadWillBegin"sv,    "Browser.downloadProgress"sv,
};
constexpr std::array kNeeded{
    "Target.attachedToTarget"sv, "Target.detachedFromTarget"sv,   "Target.targetCrashed"sv,
    "Network.loadingFinished"sv, "Page.javascriptDialogClosed"sv, "Browser.downloadProgress"sv,
};
// A page that never lets its requests end must not fill our memory.
constexpr std::size_t kRequestsMax = 20'000;
constexpr std::size_t kFramesMax = 20'000;
constexpr std::size_t kUrlMax = 2048;
constexpr std::size_t kDataUrlMax = 64;
constexpr std::size_t kStackMax = 8192;

std::string shown_url(std::string url) {
  auto const most = url.starts_with("data:") ? kDataUrlMax : kUrlMax;
  return cut_text(std::move(url), most);
}

double seconds_since(Timestamp since, Timestamp when) {
  return std::chrono::duration<double>(when - since).count();
}

std::optional<std::string> text_in(Json const& object, char const* name) {
  auto const found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// The length its server announced. Nothing else is known before the last byte.
std::optional<std::uint64_t> announced_bytes(Json const& response) {
  auto const headers = response.find("headers");
  if (headers == response.end()) return std::nullopt;
  for (auto const& [name, value] : headers->items()) {
    if (name.size() != 14 || !value.is_string()) continue;
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return char(std::tolower(c)); });
    auto const& digits = value.get_ref<std::string const&>();
    bool const number = !digits.empty() && digits.size() < 19 &&
                        digits.find_first_not_of("0123456789") == std::string::npos;
    if (lower == "content-length" && number) return std::stoull(digits);
  }
  return std::nullopt;
}

}  // namespace

bool EventTranslator::is_plentiful(std::string_view method) {
  return std::find(kPlentiful.begin(), kPlentiful.end(), method) != kPlentiful.end();
}

bool EventTranslator::is_needed(std::string_view method) {
  return std::find(kNeeded.begin(), kNeeded.end(), method) != kNeeded.end();
}

bool EventTranslator::knows(std::string_view method) {
  return is_plentiful(method) || std::find(kOthers.begin(), kOthers.end(), method) != kOthers.end();
}

std::vector<Event> EventTranslator::translate(CdpEvent const& event, Timestamp when) {
  made_.clear();
  now_ = when;
  auto const& method = event.method;
  auto const& params = event.params;
  if (method == "Target.attachedToTarget") attached(event);
  if (method == "Target.detachedFromTarget") session_ended(params);
  if (method == "Target.targetCrashed") crashed(event);
  if (method == "Network.requestWillBeSent") request(event);
  if (method == "Network.responseReceived") response(event);
  if (method == "Network.loadingFailed") failed(event);
  if (method == "Network.loadingFinished") forget_request(params.value("requestId", ""));
  if (method == "Page.frameNavigated") navigated(event);
  if (method == "Page.navigatedWithinDocument") moved_within(event);
  if (method == "Page.javascriptDialogOpening") dialog(event);
  if (method == "Page.javascriptDialogClosed") dialog_closed(event);
  if (method == "Runtime.consoleAPICalled") console(event);
  if (method == "Runtime.exceptionThrown") exception(event);
  if (method == "Browser.downloadWillBegin") download_began(params);
  if (method == "Browser.downloadProgress") download_moved(params);
  return std::move(made_);
}

EventTranslator::Owner* EventTranslator::owner_of(std::string_view session) {
  auto const found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second;
}

Event& EventTranslator::add(std::string_view session, std::string_view type,
                            std::string_view status, Json const& data) {
  auto& event = made_.emplace_back();
  event.run = run_;
  event.time = now_;
  event.type = type;
  if (!status.empty()) event.status = status;
  event.data = to_text(data);
  if (auto const* const owner = owner_of(session)) {
    event.page = owner->page;
    event.context = owner->context;
  }
  return event;
}

void EventTranslator::attached(CdpEvent const& event) {
  auto const& info = event.params.at("targetInfo");
  auto const session = event.params.at("sessionId").get<std::string>();
  Owner owner;
  owner.target = info.at("targetId").get<std::string>();
  owner.context = text_in(info, "browserContextId");
  if (info.at("type") == "page") {
    owner.page = owner.target;
    pages_.push_back({owner.target, owner.context.value_or(""), session});
  } else if (auto const* const parent = owner_of(event.session)) {
    owner.page = parent->page;
  }
  sessions_.insert_or_assign(session, std::move(owner));
}

void EventTranslator::session_ended(Json const& params) {
  auto const session = params.value("sessionId", "");
  sessions_.erase(session);
  missed_.erase(session);
  std::erase_if(pages_, [&](Page const& page) { return page.session == session; });
  std::erase_if(frames_, [&](auto const& frame) { return frame.second == session; });
  std::vector<std::string> unfinished;
  for (auto const& [id, request] : requests_)
    if (request.session == session) unfinished.push_back(id);
  for (auto const& id : unfinished) forget_request(id);
}

void EventTranslator::keep_request(std::string const& id, Request request) {
  forget_request(id);
  if (requests_.size() >= kRequestsMax) forget_request(std::string(request_ids_.begin()->second));
  request.number = ++requests_begun_;
  request_ids_.emplace(request.number, id);
  requests_.emplace(id, std::move(request));
}

void EventTranslator::forget_request(std::string const& id) {
  auto const found = requests_.find(id);
  if (found == requests_.end()) return;
  request_ids_.erase(found->second.number);
  requests_.erase(found);
}

void EventTranslator::missed(std::string const& session, Json const& paused) {
  Json sent{{"type", "Document"}, {"request", paused.at("request")}};
  if (auto const frame = text_in(paused, "frameId")) sent["frameId"] = *frame;
  missed_.insert_or_assign(session, to_text(sent));
}

void EventTranslator::request_missed(CdpEvent const& event) {
  auto const found = missed_.find(event.session);
  if (found == missed_.end() || event.params.value("type", "") != "Document") return;
  auto sent = Json::parse(found->second);
  missed_.erase(found);
  auto const id = event.params.at("requestId").get<std::string>();
  if (requests_.contains(id)) return;
  sent["requestId"] = id;
  request({"Network.requestWillBeSent", event.session, sent});
}

void EventTranslator::request(CdpEvent const& event) {
  request_missed(event);
  auto const& params = event.params;
  if (auto const redirect = params.find("redirectResponse"); redirect != params.end())
    response_of(event, *redirect);
  auto const& asked = params.at("request");
  auto const id = params.at("requestId").get<std::string>();
  auto const url = shown_url(asked.at("url").get<std::string>());
  keep_request(id, Request{url, now_, std::string(event.session)});
  Json data{{"requestId", id},
            {"method", asked.value("method", "")},
            {"url", url},
            {"resourceType", params.value("type", "Other")}};
  if (auto const frame = text_in(params, "frameId")) data["frameId"] = *frame;
  add(event.session, "network.request", "started", data);
}

void EventTranslator::response(CdpEvent const& event) {
  auto const& params = event.params;
  auto const id = params.at("requestId").get<std::string>();
  auto const& answer = params.at("response");
  request_missed(event);
  // The first request of a page that came with its address was sent before we could listen.
  if (params.value("type", "") == "Document" && !requests_.contains(id)) {
    auto const url = shown_url(answer.value("url", ""));
    Json const data{
        {"requestId", id}, {"url", url}, {"resourceType", params.value("type", "Other")}};
    keep_request(id, Request{url, now_, std::string(event.session)});
    add(event.session, "network.request", "started", data);
  }
  response_of(event, answer);
}

void EventTranslator::response_of(CdpEvent const& event, Json const& response) {
  auto const id = event.params.at("requestId").get<std::string>();
  Json data{{"requestId", id},
            {"url", shown_url(response.value("url", ""))},
            {"status", response.value("status", 0)},
            {"mimeType", response.value("mimeType", "")},
            {"fromCache",
             response.value("fromDiskCache", false) || response.value("fromPrefetchCache", false)}};
  if (auto const bytes = announced_bytes(response)) data["bytes"] = *bytes;
  if (auto const asked = requests_.find(id); asked != requests_.end())
    data["durationSeconds"] = seconds_since(asked->second.since, now_);
  add(event.session, "network.response", "received", data);
}

void EventTranslator::failed(CdpEvent const& event) {
  auto const& params = event.params;
  auto const id = params.at("requestId").get<std::string>();
  request_missed(event);
  Json data{{"requestId", id},
            {"errorText", params.value("errorText", "")},
            {"canceled", params.value("canceled", false)}};
  if (auto const reason = text_in(params, "blockedReason")) {
    data["blockedReason"] = *reason;
    // Chromium leaves the text empty then.
    if (data["errorText"] == "") data["errorText"] = "blocked";
  }
  if (auto const asked = requests_.find(id); asked != requests_.end()) {
    data["url"] = asked->second.url;
    data["durationSeconds"] = seconds_since(asked->second.since, now_);
    forget_request(id);
  }
  add(event.session, "network.failed", "failed", data);
}

void EventTranslator::navigated(CdpEvent const& event) {
  auto const& frame = event.params.at("frame");
  auto const id = frame.at("id").get<std::string>();
  if (frames_.size() >= kFramesMax) frames_.clear();
  frames_.insert_or_assign(id, std::string(event.session));
  // An error page has the address that could not be shown beside its own.
  auto const unreachable = text_in(frame, "unreachableUrl");
  auto const url = frame.value("url", "") + frame.value("urlFragment", "");
  Json const data{{"url", shown_url(unreachable.value_or(url))},
                  {"frameId", id},
                  {"type", event.params.value("type", "Navigation")},
                  {"mainFrame", !frame.contains("parentId")}};
  add(event.session, "navigation", unreachable ? "failed" : "finished", data);
}

void EventTranslator::moved_within(CdpEvent const& event) {
  auto const* const owner = owner_of(event.session);
  auto const frame = event.params.value("frameId", "");
  Json const data{{"url", shown_url(event.params.value("url", ""))},
                  {"frameId", frame},
                  {"type", "WithinDocument"},
                  {"mainFrame", owner != nullptr && owner->page == frame}};
  add(event.session, "navigation", "finished", data);
}

void EventTranslator::console(CdpEvent const& event) {
  auto const& params = event.params;
  Json data{{"level", console_level(params.value("type", "log"))},
            {"text", console_text(params.at("args"))}};
  put_place(data, params);
  add(event.session, "console.message", "", data);
}

void EventTranslator::exception(CdpEvent const& event) {
  auto const& details = event.params.at("exceptionDetails");
  auto const thrown = details.find("exception");
  auto text = details.value("text", "");
  std::optional<std::string> stack;
  if (thrown != details.end()) {
    stack = text_in(*thrown, "description");
    text = stack ? stack->substr(0, stack->find("\n    at ")) : text + ' ' + shown_value(*thrown);
  }
  Json data{{"message", cut_text(text, kStackMax)}};
  if (stack) data["stack"] = cut_text(*stack, kStackMax);
  put_place(data, details);
  add(event.session, "page.error", "", data);
}

void EventTranslator::dialog(CdpEvent const& event) {
  auto const& params = event.params;
  auto const kind = params.value("type", "");
  if (auto* const owner = owner_of(event.session)) owner->dialog = kind;
  Json const data{{"kind", kind},
                  {"message", cut_text(params.value("message", ""), kStackMax)},
                  {"url", shown_url(params.value("url", ""))},
                  {"handled", false}};
  add(event.session, "dialog", "started", data);
}

void EventTranslator::dialog_closed(CdpEvent const& event) {
  auto const* const owner = owner_of(event.session);
  Json const data{{"kind", owner != nullptr ? owner->dialog : ""},
                  {"handled", true},
                  {"accepted", event.params.value("result", false)}};
  add(event.session, "dialog", "finished", data);
}

void EventTranslator::crashed(CdpEvent const& event) {
  auto const target = event.params.value("targetId", "");
  auto const page = std::find_if(pages_.begin(), pages_.end(),
                                 [&](Page const& one) { return one.target == target; });
  Json const data{{"status", event.params.value("status", "")},
                  {"errorCode", event.params.value("errorCode", 0)}};
  add(page == pages_.end() ? std::string_view() : page->session, "page.crash", "failed", data);
}

void EventTranslator::download_began(Json const& params) {
  auto const guid = params.at("guid").get<std::string>();
  auto const frame = frames_.find(params.value("frameId", ""));
  auto const session = frame == frames_.end() ? std::string() : frame->second;
  Transfer transfer;
  transfer.url = shown_url(params.value("url", ""));
  transfer.name = params.value("suggestedFilename", "");
  transfer.since = now_;
  Json const data{{"guid", guid},
                  {"url", transfer.url},
                  {"suggestedFilename", transfer.name},
                  {"state", "inProgress"},
                  {"bytes", 0}};
  auto const& made = add(session, "download", "started", data);
  transfer.page = made.page;
  transfer.context = made.context;
  downloads_.insert_or_assign(guid, std::move(transfer));
}

void EventTranslator::download_moved(Json const& params) {
  auto const state = params.value("state", "");
  auto const found = downloads_.find(params.value("guid", ""));
  if (state == "inProgress" || found == downloads_.end()) return;
  auto const& transfer = found->second;
  Json data{{"guid", found->first},
            {"url", transfer.url},
            {"suggestedFilename", transfer.name},
            {"state", state},
            {"bytes", static_cast<std::uint64_t>(params.value("receivedBytes", 0.0))}};
  if (auto const path = text_in(params, "filePath")) data["path"] = *path;
  data["durationSeconds"] = seconds_since(transfer.since, now_);
  auto& made = add({}, "download", state == "completed" ? "finished" : "failed", data);
  made.page = transfer.page;
  made.context = transfer.context;
  downloads_.erase(found);
}

}  // namespace bridge::local
