#include "cdp/responses.hpp"

#include <utility>

#include "cdp/mux_words.hpp"
#include "cdp/session_state.hpp"

namespace bridge::cdp {
namespace {

// Of what is never answered or explained there is little, but a page may make it so.
constexpr std::size_t kMost = 1000;

bool is_true(std::string_view params, std::string_view key) {
  // These events are long and many: most do not have it at all.
  auto const text = fmt::format("\"{}\":true", key);
  return params.find(text) != std::string_view::npos && find_member(params, key) == "true";
}

}  // namespace

void Responses::on_event(std::string_view method, std::string_view params) {
  auto const request = member_text(params, "requestId");
  if (method == "Network.requestWillBeSent") {
    if (is_true(params, "redirectHasExtraInfo"))
      responded(request, find_member(params, "redirectResponse").value_or("{}"));
    // Chrome names a document's request after its loader.
    if (find_member(params, "loaderId") != encode_string(request)) return;
    if (documents_asked_.size() == kMost) documents_asked_.clear();
    documents_asked_.insert(request);
  } else if (method == "Network.responseReceived") {
    documents_asked_.erase(request);
    if (is_true(params, "hasExtraInfo"))
      responded(request, find_member(params, "response").value_or("{}"));
  } else if (method == "Network.responseReceivedExtraInfo") {
    extra_came(request);
  } else if (method == "Network.loadingFailed") {
    documents_asked_.erase(request);
    extras_.erase(request);
  }
}

void Responses::responded(std::string const& request, std::string_view response) {
  if (extras_.size() == kMost) extras_.clear();
  auto& extra = extras_[request];
  if (extra.ahead == 0) {
    extra.behind.push_back({std::string(find_member(response, "headers").value_or("{}")),
                            std::string(find_member(response, "status").value_or("0"))});
  } else if (--extra.ahead == 0) {
    extras_.erase(request);
  }
}

void Responses::extra_came(std::string const& request) {
  if (extras_.size() == kMost) extras_.clear();
  auto& extra = extras_[request];
  if (extra.behind.empty()) {
    ++extra.ahead;
    return;
  }
  extra.behind.pop_front();
  if (extra.behind.empty()) extras_.erase(request);
}

std::vector<std::string> Responses::catch_up(FrameTree const& frames) {
  std::vector<std::string> events;
  for (auto& [request, extra] : extras_)
    for (auto const& response : std::exchange(extra.behind, {}))
      events.push_back(fmt::format(
          R"({{"method":"Network.responseReceivedExtraInfo","params":{{"requestId":{},"blockedCookies":[],"headers":{},"resourceIPAddressSpace":"Unknown","statusCode":{}}})",
          encode_string(request), response.headers, response.status));
  std::erase_if(extras_, [](auto const& entry) { return entry.second.ahead == 0; });
  for (auto asked = documents_asked_.begin(); asked != documents_asked_.end();) {
    if (!frames.has_document(*asked)) {
      ++asked;
      continue;
    }
    events.push_back(fmt::format(
        R"({{"method":"Network.loadingFailed","params":{{"requestId":{},"timestamp":0,"type":"Document","errorText":"net::ERR_ABORTED","canceled":true}})",
        encode_string(*asked)));
    asked = documents_asked_.erase(asked);
  }
  return events;
}

}  // namespace bridge::cdp
