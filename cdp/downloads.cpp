#include "cdp/downloads.hpp"

#include "cdp/json_scan.hpp"

namespace bridge::cdp {

void Downloads::set(Session const& session, std::string_view params) {
  auto const raw = find_member(params, "browserContextId");
  auto const context = raw ? decode_string(*raw) : std::string();
  auto& settings = contexts_[context];
  auto const [place, is_new] = places_.try_emplace({session.number, context});
  if (!is_new) settings.erase(place->second);
  place->second =
      settings.insert(settings.end(), {session.number, session.id, std::string(params)});
}

std::vector<Downloads::Setting> Downloads::session_gone(Session const& session) {
  std::vector<Setting> again;
  auto place = places_.lower_bound({session.number, {}});
  while (place != places_.end() && place->first.first == session.number) {
    auto const context = contexts_.find(place->first.second);
    auto& settings = context->second;
    auto const at = place->second;
    bool const last_word = std::next(at) == settings.end();
    if (last_word && at != settings.begin()) again.push_back(*std::prev(at));
    settings.erase(at);
    if (settings.empty()) contexts_.erase(context);
    place = places_.erase(place);
  }
  return again;
}

void Downloads::context_gone(std::string const& context) {
  auto const found = contexts_.find(context);
  if (found == contexts_.end()) return;
  for (auto const& setting : found->second) places_.erase({setting.session, context});
  contexts_.erase(found);
}

}  // namespace bridge::cdp
