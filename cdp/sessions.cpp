#include "cdp/sessions.hpp"

#include <fmt/format.h>

#include <algorithm>

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
  session->member = fmt::format(",\"sessionId\":\"{}\"", id);
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
  remove_below(top, each);
}

void Sessions::remove_below(Session& top, std::function<void(Session const&)> const& each) {
  for (auto* child : top.children) remove_below(*child, each);
  each(top);
  all_.erase(all_.find(std::string_view(top.id)));
}

}  // namespace bridge::cdp
