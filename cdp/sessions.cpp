#include "cdp/sessions.hpp"

#include <algorithm>

#include "cdp/json_scan.hpp"

namespace bridge::cdp {

std::string_view Session::quoted() const {
  constexpr std::string_view kKey = ",\"sessionId\":";
  return std::string_view(member).substr(kKey.size());
}

Session* Sessions::add(std::string_view id, ClientId client, Session* parent,
                       std::string_view target) {
  if (auto* known = find(id)) return known->client == client ? known : nullptr;
  auto session = std::make_unique<Session>();
  session->number = ++last_number_;
  session->id = id;
  session->client = client;
  session->target = target;
  session->parent = parent;
  session->member = ",\"sessionId\":" + encode_string(id);
  auto* out = session.get();
  if (parent != nullptr) parent->children.push_back(out);
  all_.emplace(std::string(id), std::move(session));
  return out;
}

Session* Sessions::find(std::string_view id) const {
  auto const at = all_.find(id);
  return at == all_.end() ? nullptr : at->second.get();
}

std::string_view Sessions::child_id(std::uint64_t number) const {
  for (auto const& [id, session] : all_)
    if (session->number == number)
      return session->parent != nullptr ? std::string_view(id) : std::string_view();
  return {};
}

void Sessions::remove_tree(Session& top, std::function<void(Session const&)> const& each) {
  if (top.parent != nullptr) std::erase(top.parent->children, &top);
  // Without recursion: a client may nest sessions as deep as it likes.
  std::vector<Session*> open{&top};
  std::vector<Session*> tree;  // each before what is below it, the last child first
  while (!open.empty()) {
    auto* session = tree.emplace_back(open.back());
    open.pop_back();
    open.insert(open.end(), session->children.begin(), session->children.end());
  }
  for (auto at = tree.rbegin(); at != tree.rend(); ++at) {
    each(**at);
    all_.erase(all_.find(std::string_view((*at)->id)));
  }
}

}  // namespace bridge::cdp
