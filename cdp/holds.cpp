#include "cdp/holds.hpp"

#include <algorithm>
#include <utility>

namespace bridge::cdp {
namespace {

bool is_of(Hold const& hold, Session const& session, std::string_view request) {
  return hold.session == session.number && hold.request == request;
}

}  // namespace

void Holds::begin(Session const& session, std::string_view request) {
  all_.push_back({++last_number_, session.number, session.id, session.client, session.target,
                  std::string(request)});
}

void Holds::clear() {
  all_.clear();
  letting_go_.clear();
}

void Holds::target_waits(Session const& session) {
  begin(session, {});
}

// A request pauses again at its next stage under the same id.
void Holds::request_paused(Session const& session, std::string_view request) {
  all_.remove_if([&](Hold const& hold) { return is_of(hold, session, request); });
  letting_go_.remove_if(
      [&](LettingGo const& entry) { return is_of(entry.hold, session, request); });
  begin(session, request);
}

template <class Goes>
void Holds::let_go(std::int32_t command, Goes goes) {
  for (auto hold = all_.begin(); hold != all_.end();) {
    auto const next = std::next(hold);
    if (goes(*hold)) {
      letting_go_.push_back({command, std::move(*hold)});
      all_.erase(hold);
    }
    hold = next;
  }
}

void Holds::target_resumed(Session const& session, std::int32_t command) {
  request_continued(session, {}, command);
}

void Holds::request_continued(Session const& session, std::string_view request,
                              std::int32_t command) {
  let_go(command, [&](Hold const& hold) { return is_of(hold, session, request); });
}

void Holds::requests_continued(Session const& session, std::int32_t command) {
  let_go(command,
         [&](Hold const& hold) { return hold.session == session.number && !hold.request.empty(); });
}

void Holds::answered(std::int32_t command, bool gone) {
  for (auto entry = letting_go_.begin(); entry != letting_go_.end();) {
    auto const next = std::next(entry);
    if (entry->command == command) {
      if (!gone) {
        auto const after = std::find_if(all_.begin(), all_.end(), [&](Hold const& hold) {
          return hold.number > entry->hold.number;
        });
        all_.insert(after, std::move(entry->hold));
      }
      letting_go_.erase(entry);
    }
    entry = next;
  }
}

void Holds::over(std::uint64_t number) {
  all_.remove_if([&](Hold const& hold) { return hold.number == number; });
}

void Holds::session_gone(Session const& session) {
  all_.remove_if([&](Hold const& hold) { return hold.session == session.number; });
  letting_go_.remove_if(
      [&](LettingGo const& entry) { return entry.hold.session == session.number; });
}

}  // namespace bridge::cdp
