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
  session->wire = id;
  session->client = client;
  session->target = target;
  session->parent = parent;
  session->member = ",\"sessionId\":" + encode_string(id);
  auto* out = session.get();
  numbers_.emplace(out->number, out);
  if (parent != nullptr) parent->children.push_back(out);
  all_.emplace(std::string(id), std::move(session));
  return out;
}

Session* Sessions::find(std::string_view id) const {
  auto const at = all_.find(id);
  return at == all_.end() ? nullptr : at->second.get();
}

Session* Sessions::find_wire(std::string_view wire) const {
  if (!renamed_.empty()) {
    auto const at = renamed_.find(wire);
    if (at != renamed_.end()) return at->second;
  }
  auto* session = find(wire);
  return session != nullptr && session->wire == wire ? session : nullptr;
}

Session* Sessions::find_number(std::uint64_t number) const {
  auto const at = numbers_.find(number);
  return at == numbers_.end() ? nullptr : at->second;
}

void Sessions::bind(Session& session, std::string_view wire) {
  session.wire = wire;
  session.member = ",\"sessionId\":" + encode_string(wire);
  if (session.renamed()) renamed_.insert_or_assign(session.wire, &session);
}

void Sessions::unbind_all() {
  renamed_.clear();
  for (auto const& [id, session] : all_) session->wire.clear();
}

std::vector<Session*> Sessions::in_order() const {
  std::vector<Session*> out;
  out.reserve(all_.size());
  for (auto const& [id, session] : all_) out.push_back(session.get());
  std::sort(out.begin(), out.end(),
            [](Session const* a, Session const* b) { return a->number < b->number; });
  return out;
}

std::string_view Sessions::child_id(std::uint64_t number) const {
  auto const* session = find_number(number);
  return session != nullptr && session->parent != nullptr ? std::string_view(session->id)
                                                          : std::string_view();
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
    numbers_.erase((*at)->number);
    if ((*at)->renamed()) renamed_.erase((*at)->wire);
    all_.erase(all_.find(std::string_view((*at)->id)));
  }
}

}  // namespace bridge::cdp
