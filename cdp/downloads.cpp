#include "cdp/downloads.hpp"

#include <algorithm>

#include "cdp/json_scan.hpp"

namespace bridge::cdp {

void Downloads::set(Session const& session, std::string_view params) {
  auto const raw = find_member(params, "browserContextId");
  auto const context = raw ? decode_string(*raw) : std::string();
  settings_.remove_if(
      [&](Setting const& one) { return one.session == session.number && one.context == context; });
  settings_.push_back({session.number, session.id, context, std::string(params)});
}

std::vector<Downloads::Setting> Downloads::session_gone(Session const& session) {
  std::vector<Setting> again;
  for (auto at = settings_.begin(); at != settings_.end();) {
    if (at->session != session.number) {
      ++at;
      continue;
    }
    auto const same = [&](Setting const& other) { return other.context == at->context; };
    bool const last_word = std::none_of(std::next(at), settings_.end(), same);
    auto const before = std::find_if(std::make_reverse_iterator(at), settings_.rend(), same);
    if (last_word && before != settings_.rend()) again.push_back(*before);
    at = settings_.erase(at);
  }
  return again;
}

}  // namespace bridge::cdp
