#include "cdp/mux.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cdp/errors.hpp"
#include "cdp/json_scan.hpp"
#include "cdp/mux_words.hpp"

namespace bridge::cdp {
namespace {

constexpr std::string_view kSessionNotFound = "-32001";

// A context disposed while its service worker starts leaves a target without a context. Playwright
// cannot attach to a browser that has one, and a session keeps it alive.
bool is_orphan(std::string_view target_info) {
  return member_text(target_info, "type") == "service_worker" &&
         !find_member(target_info, "browserContextId");
}

// What Chrome's Fetch says of a request that it does not hold (any more).
bool is_not_paused(std::string_view error) {
  return error == "Invalid InterceptionId." || error == "Fetch domain is not enabled";
}

}  // namespace

void Mux::start(OnAnswer ready) {
  // Replies come in order, so the second one ends the start.
  call("Browser.getVersion", "{}", [this](Answer const& answer) {
    if (answer.ok()) discovery_.set_version(answer.result);
  });
  if (options_.survives)
    call("Target.getBrowserContexts", "{}", [this](Answer const& answer) {
      default_context_ = member_text(answer.result, "defaultBrowserContextId");
    });
  call("Target.setDiscoverTargets", kDiscoverAll, std::move(ready));
}

void Mux::call(std::string_view method, std::string_view params, OnAnswer answer) {
  call_on(nullptr, method, params, std::move(answer));
}

void Mux::call_on(Session const* session, std::string_view method, std::string_view params,
                  OnAnswer answer) {
  auto const id = pending_.add({kOurselves, 0, 0, 0});
  calls_.emplace(id, std::move(answer));
  auto const member = session == nullptr ? std::string_view() : std::string_view(session->member);
  auto const text = fmt::format("{{\"id\":{},\"method\":\"{}\",\"params\":{}{}}}", id, method,
                                params.empty() ? std::string_view("{}") : params, member);
  out_.to_upstream(Spliced(text));
}

void Mux::join(ClientId who, std::string_view target, OnAnswer joined) {
  bool const page = !target.empty();
  clients_.emplace(who, Client{nullptr, page, {}, std::string(target), {}});
  auto attached = [this, who, target = std::string(target),
                   joined = std::move(joined)](Answer const& answer) {
    auto const session = member_text(answer.result, "sessionId");
    auto const client = clients_.find(who);
    if (client == clients_.end()) {  // left meanwhile: nobody owns the new session
      if (!session.empty())
        call("Target.detachFromTarget", session_params(session), [](Answer const&) {});
      return;
    }
    if (!answer.ok() || session.empty()) {
      clients_.erase(client);
      Answer failed;
      failed.error = answer.ok() ? "the runtime gave no session" : answer.error;
      joined(failed);
      return;
    }
    client->second.root = sessions_.add(session, who, nullptr, target);
    joined(answer);
  };
  if (page) {
    call("Target.attachToTarget",
         fmt::format("{{\"targetId\":{},\"flatten\":true}}", encode_string(target)),
         std::move(attached));
  } else {
    call("Target.attachToBrowserTarget", "{}", std::move(attached));
  }
}

void Mux::leave(ClientId who) {
  auto const client = clients_.find(who);
  if (client == clients_.end()) return;
  auto* root = client->second.root;
  for (auto const& frame : client->second.held) held_bytes_ -= frame.size();
  clients_.erase(client);
  if (pieces_ && pieces_->to == who) pieces_->to = kOurselves;
  if (root != nullptr) {
    auto const wire = root->wire;
    drop_tree(*root);
    if (!wire.empty()) call("Target.detachFromTarget", session_params(wire), [](Answer const&) {});
    set_again(std::exchange(to_set_again_, {}));
  }
  std::vector<std::string> left;
  for (auto const& [context, owner] : contexts_)
    if (owner == who) left.push_back(context);
  for (auto const& context : left) context_left(context);
}

bool Mux::has_root(ClientId who) const {
  auto const client = clients_.find(who);
  return client != clients_.end() && client->second.root != nullptr;
}

void Mux::refuse(ClientId who, std::string const& reply) {
  ++counts_.refused;
  out_.to_client(who, Spliced(reply));
}

void Mux::from_client(ClientId who, std::string_view frame) {
  auto const client = clients_.find(who);
  if (client == clients_.end() || client->second.root == nullptr) return;
  Command command;
  if (auto const bad = read_command(frame, command)) {
    refuse(who, error_reply(bad->id, bad->code, bad->message));
    return;
  }
  Session const* session = client->second.root;
  if (!command.session.empty()) {
    session = sessions_.find(command.session);
    if (session == nullptr || session->client != who || session == client->second.root) {
      refuse(who, session_not_found(command.id));
      return;
    }
  }
  auto rule = rule_for(command.method);
  bool const nested = rule == Rule::look_inside;
  if (nested) rule = rule_for_nested(command.params);
  if (rule == Rule::look_at_url) rule = rule_for_url(command.params);
  switch (rule) {
    case Rule::refuse:
      refuse(who, not_allowed(command.id, command.session));
      return;
    case Rule::leave: {
      auto const reply = empty_result(command.id, command.session);
      out_.to_client(who, Spliced(reply));
      out_.client_leaves(who);
      return;
    }
    default:
      break;
  }
  if (paused_ == Meanwhile::refused && !goes_on_while_paused(rule))
    return refuse(who, driven_by_another(command.id, command.session));
  if (is_held(who, rule)) return hold(who, frame);
  if (session->wire.empty()) {  // Chrome has not given it back
    refuse(who, target_gone(command.id, command.session));
    return;
  }
  auto const changed = rule == Rule::detach         ? with_wire_session(frame, command)
                       : rule == Rule::note_context ? without_dispose_flag(frame, command)
                                                    : std::nullopt;
  if (changed) {
    Command other;
    if (read_command(*changed, other)) return;  // cannot be: only a value was replaced
    auto const id = forward(who, client->second, *changed, other, *session);
    if (rule == Rule::note_context && options_.survives) keep(id, rule, command, *session);
    return;
  }
  auto const id = forward(who, client->second, frame, command, *session);
  if (options_.survives) keep(id, rule, command, *session);
  if (nested) {
    take_note_inside(who, command.params, id);
  } else {
    take_note(rule, *session, command, id);
  }
}

void Mux::take_note(Rule rule, Session const& session, Command const& command, std::int32_t id) {
  if (rule == Rule::note_activity) {
    auto const named = member_text(command.params, "targetId");
    discovery_.note_activity(named.empty() ? std::string_view(session.target)
                                           : std::string_view(named));
  } else if (rule == Rule::note_download) {
    downloads_.set(session, command.params);
  } else if (rule == Rule::note_dispose) {
    auto const context = member_text(command.params, "browserContextId");
    downloads_.context_gone(context);
    if (contexts_.erase(context) > 0) out_.context_gone(context);
  } else if (rule == Rule::resume_target) {
    holds_.target_resumed(session, id);
  } else if (rule == Rule::continue_request) {
    holds_.request_continued(session, member_text(command.params, "requestId"), id);
  } else if (rule == Rule::continue_requests) {
    holds_.requests_continued(session, id);
  }
}

// A session that is not flat gets its commands as text inside another, and its refusals too: what
// is answered here is that other one.
void Mux::take_note_inside(ClientId who, std::string_view params, std::int32_t id) {
  auto const* session = sessions_.find(member_text(params, "sessionId"));
  auto const message = member_text(params, "message");
  Command inside;
  if (session == nullptr || session->client != who || read_command(message, inside)) return;
  take_note(rule_for(inside.method), *session, inside, id);
}

std::int32_t Mux::forward(ClientId who, Client& client, std::string_view frame,
                          Command const& command, Session const& session) {
  ++counts_.commands;
  auto const bytes = static_cast<std::uint32_t>(std::min(frame.size(), Flow::kMost));
  client.flow.sent += bytes;
  auto const id = pending_.add({who, command.id, session.number, bytes});
  out_.to_upstream(
      rewrite_command(frame, command, IdText(id).view(), session.member, session.quoted()));
  return id;
}

Flow Mux::flow(ClientId who) const {
  auto const client = clients_.find(who);
  return client == clients_.end() ? Flow() : client->second.flow;
}

void Mux::settle_flow(Pending const& pending) {
  auto const client = clients_.find(pending.client);
  if (client != clients_.end()) client->second.flow.answered += pending.bytes;
}

void Mux::from_upstream(std::string_view frame) {
  auto const message = read_upstream(frame);
  if (!message) {
    ++counts_.garbage;
  } else if (message->is_reply()) {
    on_reply(frame, *message);
    if (when_quiet_ && in_flight() == 0) std::exchange(when_quiet_, nullptr)();
  } else if (message->session.empty()) {
    on_control_event(message->method, frame);
  } else {
    on_event(frame, *message);
  }
}

// By id only: Chrome's envelope errors carry no session.
void Mux::on_reply(std::string_view frame, UpstreamMessage const& message) {
  auto const pending = pending_.take(*message.id);
  if (!pending) {
    on_late_reply(frame, message);
    return;
  }
  if (pending->client == kOurselves) {
    auto const call = calls_.extract(*message.id);
    if (call.empty()) return;
    Answer answer;
    if (auto const result = find_member(frame, "result")) {
      answer.result = *result;
    } else {
      answer.error = member_text(find_member(frame, "error").value_or("{}"), "message");
      if (answer.error.empty()) answer.error = "the runtime refused without a reason";
    }
    call.mapped()(answer);
    return;
  }
  ++counts_.replies;
  if (!kept_.empty())
    if (auto const kept = kept_.extract(*message.id)) answered(kept.mapped(), frame);
  if (holds_.letting_go()) {
    auto const error = find_member(frame, "error");
    // A session that Chrome does not know holds nothing either.
    holds_.answered(*message.id, !error || find_member(*error, "code") == kSessionNotFound ||
                                     is_not_paused(member_text(*error, "message")));
  }
  auto& client = clients_.at(pending->client);
  client.flow.answered += pending->bytes;
  auto const& root = client.root;
  bool const of_root = root != nullptr && message.session == root->wire;
  IdText const id(pending->client_id);
  if (!of_root && !message.session.empty()) {
    auto const* session = sessions_.find_wire(message.session);
    if (session != nullptr && session->renamed()) {
      auto const member = client_member(*session);
      return out_.to_client(pending->client, rename_session(frame, message, id.view(), member));
    }
  }
  out_.to_client(pending->client, rewrite_reply(frame, message, id.view(), of_root));
}

// A command that its client sent behind a detach, before it heard of it.
void Mux::on_late_reply(std::string_view frame, UpstreamMessage const& message) {
  auto const asked = behind_detach_.take(*message.id);
  auto const error = find_member(frame, "error");
  bool const refused = error && find_member(*error, "code") == kSessionNotFound;
  if (!asked || !refused || !clients_.contains(asked->client)) {
    ++counts_.orphans;
    return;
  }
  ++counts_.replies;
  IdText const id(asked->client_id);
  out_.to_client(asked->client, rewrite_reply(frame, message, id.view(), true));
}

void Mux::on_event(std::string_view frame, UpstreamMessage const& message) {
  auto* session = sessions_.find_wire(message.session);
  if (session == nullptr) {
    ++counts_.orphans;
    return;
  }
  ++counts_.events;
  auto const who = session->client;
  bool const is_root = session->parent == nullptr;
  auto const member = session->renamed() && !is_root ? client_member(*session) : std::string();
  if (!take_note(message.method, *session, frame)) return;
  if (!member.empty()) {
    out_.to_client(who, rename_session(frame, message, {}, member));
  } else {
    out_.to_client(who, is_root ? cut_session(frame, message) : Spliced(frame));
  }
}

// The tree changes before the client hears of it: its next command may already name the child.
bool Mux::take_note(std::string_view method, Session& session, std::string_view frame) {
  bool const attach = method == "Target.attachedToTarget";
  bool const told = method == "Target.targetCreated" || method == "Target.targetInfoChanged";
  bool const detach = method == "Target.detachedFromTarget";
  bool const paused = method == "Fetch.requestPaused";
  if (!attach && !told && !detach && !paused) {
    return !options_.survives || !is_remembered(method) ||
           remember(method, session, find_member(frame, "params").value_or("{}"));
  }

  auto const params = find_member(frame, "params").value_or("{}");
  if (attach || told) {
    bool const hidden = is_orphan(find_member(params, "targetInfo").value_or("{}"));
    if (attach && hidden) {
      auto const orphan = session_params(member_text(params, "sessionId"));
      call_on(&session, "Target.detachFromTarget", orphan, [](Answer const&) {});
    } else if (attach) {
      return adopt_child(session, params);
    } else if (options_.survives && !hidden) {
      return remember(method, session, params);
    }
    return !hidden;
  }
  if (paused) {
    holds_.request_paused(session, member_text(params, "requestId"));
    return true;
  }
  auto* child = sessions_.find_wire(member_text(params, "sessionId"));
  if (child == nullptr || child->client != session.client || child->parent == nullptr) return true;
  bool const renamed = child->renamed();
  if (renamed) report_lost(*child);
  drop_tree(*child);
  set_again(std::exchange(to_set_again_, {}));
  return !renamed;
}

bool Mux::adopt_child(Session& parent, std::string_view params) {
  auto const id = member_text(params, "sessionId");
  if (id.empty()) return true;
  auto const target = member_text(find_member(params, "targetInfo").value_or("{}"), "targetId");
  bool const waits = find_member(params, "waitingForDebugger") == "true";
  if (unbound_ > 0 && take_back(parent, id, target, waits)) return false;
  auto* child = sessions_.add(id, parent.client, &parent, target);
  if (child != nullptr && waits) holds_.target_waits(*child);
  return true;
}

void Mux::on_control_event(std::string_view method, std::string_view frame) {
  auto const params = find_member(frame, "params").value_or("{}");
  if (method == "Target.detachedFromTarget") {
    on_root_detached(params);
  } else {
    discovery_.on_event(method, params);
  }
}

// A root that goes by itself: its page closed. Our own detach has left the table before.
void Mux::on_root_detached(std::string_view params) {
  auto* root = sessions_.find_wire(member_text(params, "sessionId"));
  if (root == nullptr || root->parent != nullptr) return;
  auto const who = root->client;
  drop_tree(*root);
  set_again(std::exchange(to_set_again_, {}));
  auto& client = clients_.at(who);
  client.root = nullptr;
  if (client.page) out_.to_client(who, Spliced(kTargetClosedEvent));
  out_.target_gone(who);
}

void Mux::drop_tree(Session& top) {
  std::unordered_set<std::uint64_t> gone;
  sessions_.remove_tree(top, [&](Session const& session) {
    gone.insert(session.number);
    if (session.wire.empty()) --unbound_;
    holds_.session_gone(session);
    for (auto& setting : downloads_.session_gone(session))
      to_set_again_.push_back(std::move(setting));
  });
  // Chrome never answers what was in flight on a detached session, but what comes behind the detach
  // it refuses.
  pending_.purge([&](Pending const& entry) { return gone.contains(entry.session); },
                 [this](std::int32_t id, Pending const& entry) {
                   settle_flow(entry);
                   behind_detach_.add(id, entry);
                 });
}

// Only now, when Chrome has been told of the detach: it resets the setting then.
void Mux::set_again(std::vector<Downloads::Setting> const& settings) {
  for (auto const& setting : settings) {
    auto const* session = sessions_.find(setting.session_id);
    if (session == nullptr || session->wire.empty()) continue;  // went with the others
    call_on(session, "Browser.setDownloadBehavior", setting.params, [](Answer const&) {});
  }
}

void Mux::ask_whether_paused(Hold const& hold, std::function<void()> lasts) {
  // Refused before the response and harmless after it, and neither says that the id is invalid.
  auto const* session = sessions_.find(hold.session_id);
  if (session == nullptr || session->wire.empty()) return;
  auto const params = fmt::format("{{\"requestId\":{}}}", encode_string(hold.request));
  call_on(session, "Fetch.getResponseBody", params,
          [this, number = hold.number, lasts = std::move(lasts)](Answer const& answer) {
            if (is_not_paused(answer.error)) return holds_.over(number);
            for (auto const& held : holds_.all())
              if (held.number == number) return lasts();
          });
}

void Mux::lose_upstream() {
  break_off_pieces();
  // An answer may lead to new calls: the table is empty before anybody hears of the loss.
  std::vector<std::pair<std::int32_t, Pending>> lost;
  pending_.purge([](Pending const&) { return true; },
                 [&](std::int32_t id, Pending const& entry) { lost.emplace_back(id, entry); });
  ++epoch_;
  resuming_.reset();
  kept_.clear();
  for (auto const& kept : std::exchange(again_, {})) {
    auto const reply = target_gone(kept.client_id, sessions_.child_id(kept.session));
    if (clients_.contains(kept.client)) out_.to_client(kept.client, Spliced(reply));
  }
  for (auto& [who, client] : clients_) {
    for (auto const& frame : std::exchange(client.held, {})) {
      held_bytes_ -= frame.size();
      Command command;
      if (read_command(frame, command)) continue;
      out_.to_client(who, Spliced(target_gone(command.id, command.session)));
    }
  }
  for (auto const& [id, entry] : lost) {
    if (entry.client != kOurselves) {
      settle_flow(entry);
      auto const reply = target_gone(entry.client_id, sessions_.child_id(entry.session));
      out_.to_client(entry.client, Spliced(reply));
      continue;
    }
    auto const call = calls_.extract(id);
    if (call.empty()) continue;
    Answer answer;
    answer.error = "the connection to the runtime was lost";
    call.mapped()(answer);
  }
}

}  // namespace bridge::cdp
