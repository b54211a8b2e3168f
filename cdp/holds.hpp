#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "cdp/sessions.hpp"

namespace bridge::cdp {

/// Something of the browser that stands still until one client says go on; others who need it wait
/// as well.
struct Hold {
  std::uint64_t number = 0;   ///< never used again
  std::uint64_t session = 0;  ///< Session::number
  std::string session_id;
  ClientId client{};
  std::string target;   ///< whose start, or whose request
  std::string request;  ///< Fetch's requestId; empty: the target itself waits for its start
};

/// What stands still, and because of whom: targets attached with waitingForDebugger until
/// Runtime.runIfWaitingForDebugger, requests paused by Fetch until they are continued. Knows no
/// time: who looks at all() now and then knows what has been there before.
class Holds {
 public:
  void target_waits(Session const& session);
  void request_paused(Session const& session, std::string_view request);

  /// `command` is the upstream id of the command that asks for it: until its answer the hold counts
  /// as over.
  void target_resumed(Session const& session, std::int32_t command);
  void request_continued(Session const& session, std::string_view request, std::int32_t command);
  /// Fetch.disable lets all requests of the session go.
  void requests_continued(Session const& session, std::int32_t command);

  /// Some command that lets something go has no answer yet.
  [[nodiscard]] bool letting_go() const { return !letting_go_.empty(); }
  /// That command's answer: Chrome has let it go, or not.
  void answered(std::int32_t command, bool gone);

  /// Found to be over, though nothing has said so.
  void over(std::uint64_t number);
  /// The connection is lost: Chrome lets everything go.
  void clear();
  /// Chrome lets everything go that a detached session held.
  void session_gone(Session const& session);

  /// In the order they began.
  [[nodiscard]] std::list<Hold> const& all() const { return all_; }

 private:
  void begin(Session const& session, std::string_view request);

  /// Moves what `goes` says from all_ to letting_go_.
  template <class Goes>
  void let_go(std::int32_t command, Goes goes);

  struct LettingGo {
    std::int32_t command;
    Hold hold;
  };
  std::list<Hold> all_;  // few, and usually none
  std::list<LettingGo> letting_go_;
  std::uint64_t last_number_ = 0;
};

}  // namespace bridge::cdp
