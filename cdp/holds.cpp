#include "cdp/holds.hpp"

namespace bridge::cdp {

void Holds::begin(Session const& session, std::string_view request) {
  all_.push_back({++last_number_, session.number, session.id, session.client, session.target,
                  std::string(request)});
}

void Holds::target_waits(Session const& session) {
  begin(session, {});
}

// A request pauses again at its next stage under the same id.
void Holds::request_paused(Session const& session, std::string_view request) {
  request_continued(session, request);
  begin(session, request);
}

void Holds::target_resumed(Session const& session) {
  request_continued(session, {});
}

void Holds::request_continued(Session const& session, std::string_view request) {
  all_.remove_if(
      [&](Hold const& hold) { return hold.session == session.number && hold.request == request; });
}

void Holds::requests_continued(Session const& session) {
  all_.remove_if(
      [&](Hold const& hold) { return hold.session == session.number && !hold.request.empty(); });
}

void Holds::over(std::uint64_t number) {
  all_.remove_if([&](Hold const& hold) { return hold.number == number; });
}

void Holds::session_gone(Session const& session) {
  all_.remove_if([&](Hold const& hold) { return hold.session == session.number; });
}

}  // namespace bridge::cdp
