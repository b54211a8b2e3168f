#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "local/cdp_connection.hpp"
#include "local/store.hpp"

namespace bridge::local {

/// Makes the events of one run out of what Chromium says on the backend's own connection. Knows the
/// sessions, the requests under way and the downloads; knows nothing of sockets, and the time comes
/// in. Feed it every CDP event in order.
class EventTranslator {
 public:
  explicit EventTranslator(RunId run) : run_(std::move(run)) {}

  /// The CDP events it has a use for.
  [[nodiscard]] static bool knows(std::string_view method);
  /// Those of pages that may come by the thousand; the others are few and matter more.
  [[nodiscard]] static bool is_plentiful(std::string_view method);
  /// Those that must not be left out: by them it knows what there is, or learns what has ended.
  [[nodiscard]] static bool is_needed(std::string_view method);

  /// What the event means for the run, mostly one event or none. May throw Json::exception when
  /// Chromium breaks its own protocol.
  [[nodiscard]] std::vector<Event> translate(CdpEvent const& event, Timestamp when);

  /// A document was asked for before its session could hear of it: the params of its
  /// Fetch.requestPaused. Its request is told when its id is known.
  void missed(std::string const& session, Json const& paused);

  /// A page in the order of its appearance.
  struct Page {
    std::string target;
    std::string context;
    std::string session;
  };
  [[nodiscard]] std::vector<Page> const& pages() const { return pages_; }

 private:
  /// Whose session it is: the page it belongs to (none: a shared or service worker) and context.
  struct Owner {
    std::string target;
    std::optional<std::string> page;
    std::optional<std::string> context;
    std::string dialog;  ///< kind of the one that is open
  };
  struct Request {
    std::string url;
    Timestamp since;
    std::string session;
    std::uint64_t number = 0;  ///< in the order of their beginnings
  };
  struct Transfer {
    std::string url;
    std::string name;
    std::optional<std::string> page;
    std::optional<std::string> context;
    Timestamp since;
  };

  void attached(CdpEvent const& event);
  void session_ended(Json const& params);
  void request(CdpEvent const& event);
  void request_missed(CdpEvent const& event);
  void response(CdpEvent const& event);
  void response_of(CdpEvent const& event, Json const& response);
  void failed(CdpEvent const& event);
  void navigated(CdpEvent const& event);
  void moved_within(CdpEvent const& event);
  void console(CdpEvent const& event);
  void exception(CdpEvent const& event);
  void dialog(CdpEvent const& event);
  void dialog_closed(CdpEvent const& event);
  void crashed(CdpEvent const& event);
  void download_began(Json const& params);
  void download_moved(Json const& params);

  void keep_request(std::string const& id, Request request);
  void forget_request(std::string const& id);
  [[nodiscard]] Owner* owner_of(std::string_view session);
  Event& add(std::string_view session, std::string_view type, std::string_view status,
             Json const& data);

  RunId run_;
  Timestamp now_;
  std::vector<Event> made_;
  std::map<std::string, Owner, std::less<>> sessions_;
  std::unordered_map<std::string, Request> requests_;  // by request id, which no two sessions share
  std::map<std::string, std::string, std::less<>> missed_;  // session -> params, of no id yet
  std::map<std::uint64_t, std::string> request_ids_;        // by number
  std::uint64_t requests_begun_ = 0;
  std::unordered_map<std::string, std::string> frames_;  // id -> session
  std::map<std::string, Transfer, std::less<>> downloads_;
  std::vector<Page> pages_;
};

}  // namespace bridge::local
