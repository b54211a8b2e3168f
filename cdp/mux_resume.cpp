#include <algorithm>
#include <utility>

#include "cdp/errors.hpp"
#include "cdp/mux.hpp"
#include "cdp/mux_words.hpp"

// How clients survive the loss of the connection: what becomes of their commands, and how what is
// remembered of their sessions is said again to the next connection.

namespace bridge::cdp {
namespace {

std::string target_params(std::string_view target) {
  return fmt::format(R"({{"targetId":{},"flatten":true}})", encode_string(target));
}

}  // namespace

// ---- the loss ---------------------------------------------------------------------------------

bool Mux::goes_on_while_paused(Rule rule) const {
  return !suspended_ && (rule == Rule::continue_request || rule == Rule::continue_requests);
}

bool Mux::is_held(ClientId who, Rule rule) const {
  if (paused_) return !goes_on_while_paused(rule);
  return suspended_ || !clients_.at(who).held.empty();
}

void Mux::pause(Meanwhile meanwhile) {
  paused_ = meanwhile;
}

void Mux::go_on() {
  paused_.reset();
  if (!suspended_) let_go_of_held();
}

void Mux::when_quiet(std::function<void()> quiet) {
  when_quiet_ = std::move(quiet);
}

std::size_t Mux::in_flight() const {
  return pending_.size() - calls_.size();
}

void Mux::hold(ClientId who, std::string_view frame) {
  clients_.at(who).held.emplace_back(frame);
  held_bytes_ += frame.size();
}

void Mux::tell(Session const& session, std::string_view event) {
  Spliced message(event);
  auto const member = session.parent != nullptr ? client_member(session) : std::string();
  message.add(member);
  message.add("}");
  out_.to_client(session.client, message);
}

// At once, and not when there is a new connection: a client asks nothing then of a context that is
// no more, but waits for its successor.
void Mux::void_contexts() {
  for (auto const* session : sessions_.in_order()) {
    if (session->state.has("Runtime.enable"))
      tell(*session, R"({"method":"Runtime.executionContextsCleared","params":{})");
    if (session->state.has("DOM.enable"))
      tell(*session, R"({"method":"DOM.documentUpdated","params":{})");
  }
}

void Mux::suspend() {
  break_off_pieces();
  suspended_ = true;
  when_quiet_ = nullptr;
  ++epoch_;
  resuming_.reset();
  sessions_.unbind_all();
  unbound_ = sessions_.size();
  behind_detach_ = {};
  holds_.clear();
  to_set_again_.clear();
  for (auto* session : sessions_.in_order()) {
    session->restoring = false;
    session->attaching = 0;
  }

  std::vector<std::pair<std::int32_t, Pending>> lost;
  pending_.purge([](Pending const&) { return true; },
                 [&](std::int32_t id, Pending const& entry) { lost.emplace_back(id, entry); });
  std::sort(lost.begin(), lost.end(),
            [](auto const& a, auto const& b) { return a.first < b.first; });
  auto kept_now = std::exchange(kept_, {});
  for (auto const& [id, entry] : lost) {
    if (entry.client == kOurselves) continue;
    settle_flow(entry);
    auto kept = kept_now.extract(id);
    if (!kept.empty() && kept.mapped().use == Kept::Use::context) context_in_doubt_ = true;
    if (!kept.empty() && kept.mapped().trait.effect != Effect::beyond) {
      again_.push_back(std::move(kept.mapped()));
      continue;
    }
    ++counts_.lost;
    out_.to_client(entry.client,
                   Spliced(target_gone(entry.client_id, sessions_.child_id(entry.session))));
  }
  void_contexts();
  // Ours: who asked may ask again of what comes next.
  std::vector<OnAnswer> askers;
  for (auto& [id, answer] : std::exchange(calls_, {})) askers.push_back(std::move(answer));
  Answer lost_answer;
  lost_answer.error = "the connection to the runtime was lost";
  for (auto const& asker : askers) asker(lost_answer);
}

// ---- the new connection -----------------------------------------------------------------------

void Mux::step(Session const* session, std::string_view method, std::string_view params,
               OnAnswer answer) {
  ++resuming_->open;
  call_on(session, method, params,
          [this, epoch = epoch_, answer = std::move(answer)](Answer const& result) {
            if (epoch != epoch_ || !resuming_) return;
            answer(result);
            step_done();
          });
}

void Mux::step_done() {
  if (--resuming_->open > 0) return;
  if (resuming_->failure.empty()) return settle();
  Answer failed;
  failed.error = resuming_->failure;
  auto const done = std::move(resuming_->done);
  resuming_.reset();
  done(failed);
}

void Mux::resume(OnAnswer done) {
  resuming_ = Resuming();
  resuming_->done = std::move(done);
  check_browser();
}

void Mux::check_browser() {
  step(nullptr, "Browser.getVersion", "{}", [this](Answer const& answer) {
    Discovery now;
    now.set_version(answer.result);
    auto const& before = discovery_.version();
    auto const& after = now.version();
    bool const same = after.product == before.product && after.revision == before.revision &&
                      after.user_agent == before.user_agent;
    if (!same) resuming_->failure = "another browser answers now";
  });
  step(nullptr, "Target.getBrowserContexts", "{}", [this](Answer const& answer) {
    if (member_text(answer.result, "defaultBrowserContextId") != default_context_)
      resuming_->failure = "another browser answers now";
    if (!resuming_->failure.empty()) return;
    find_targets();
  });
}

void Mux::find_targets() {
  discovery_.clear_targets();
  step(nullptr, "Target.setDiscoverTargets", kDiscoverAll, [this](Answer const& answer) {
    if (!answer.ok()) resuming_->failure = answer.error;
    if (!resuming_->failure.empty()) return;
    for (auto const& context : std::exchange(contexts_left_, {})) {
      call("Target.disposeBrowserContext", context_params(context), [](Answer const&) {});
      out_.context_gone(context);
    }
    restore_roots();
  });
}

void Mux::restore_roots() {
  for (auto* session : sessions_.in_order()) {
    if (session->parent != nullptr) continue;
    auto const number = session->number;
    auto const& client = clients_.at(session->client);
    auto attached = [this, number](Answer const& answer) {
      auto* root = sessions_.find_number(number);
      auto const wire = member_text(answer.result, "sessionId");
      if (root == nullptr) {  // its client left meanwhile
        if (!wire.empty())
          call("Target.detachFromTarget", session_params(wire), [](Answer const&) {});
        return;
      }
      auto const who = root->client;
      if (!answer.ok() || wire.empty()) {
        bool const page = clients_.at(who).page;
        if (!page) resuming_->failure = "the runtime gave no session";
        if (!page) return;
        drop_tree(*root);
        clients_.at(who).root = nullptr;
        out_.to_client(who, Spliced(kTargetClosedEvent));
        return out_.target_gone(who);
      }
      sessions_.bind(*root, wire);
      --unbound_;
      restore(*root);
    };
    if (client.page) {
      step(nullptr, "Target.attachToTarget", target_params(client.target), std::move(attached));
    } else {
      step(nullptr, "Target.attachToBrowserTarget", "{}", std::move(attached));
    }
  }
}

void Mux::restore(Session& session) {
  session.restoring = true;
  session.attaching = 0;
  if (!session.state.has("Page.enable")) return say_again(session);
  // A document that came meanwhile must be known before what is said of it.
  step(&session, "Page.getFrameTree", "{}", [this, number = session.number](Answer const& answer) {
    auto* same = sessions_.find_number(number);
    if (same == nullptr) return;
    [[maybe_unused]] bool const news = catch_up(*same, answer.result);
    say_again(*same);
  });
}

bool Mux::catch_up(Session& session, std::string_view frame_tree) {
  if (frame_tree.empty()) return false;
  auto const lifecycle =
      session.state.has(kLifecycle) ? FrameTree::Lifecycle::told : FrameTree::Lifecycle::untold;
  auto const events = session.frames.catch_up(frame_tree, lifecycle);
  for (auto const& event : events) tell(session, event);
  return !events.empty();
}

void Mux::say(Session& session, std::string_view method, std::string_view params) {
  ++session.unsaid;
  step(&session, method, params,
       [this, number = session.number, method = std::string(method)](Answer const& answer) {
         said(number, method, answer);
       });
}

void Mux::say_again(Session& session) {
  session.unsaid = 1;
  for (auto const& said : session.state.said()) {
    if (said.method == "Target.setDiscoverTargets") session.missing = session.targets;
    say(session, said.method, said.params);
  }
  // A document that came while this was said.
  if (session.state.has("Page.enable")) say(session, "Page.getFrameTree", "{}");
  if (session.resumed) say(session, "Runtime.runIfWaitingForDebugger", "{}");
  said(session.number, {}, Answer());
}

void Mux::said(std::uint64_t number, std::string_view method, Answer const& answer) {
  auto* session = sessions_.find_number(number);
  if (session == nullptr) return;
  if (method == "Target.setDiscoverTargets") report_missing(*session);
  // How far a document has come was said before the client had heard of it: once more.
  if (method == "Page.getFrameTree" && catch_up(*session, answer.result))
    if (auto const* lifecycle = session->state.find(kLifecycle))
      say(*session, kLifecycle, lifecycle->params);
  if (--session->unsaid > 0) return;
  session->restoring = false;
  if (session->state.has("Network.enable"))
    for (auto const& event : session->responses.catch_up(session->frames)) tell(*session, event);
  attach_next(*session);
}

void Mux::report_missing(Session& session) {
  for (auto const& target : std::exchange(session.missing, {})) {
    session.targets.erase(target);
    tell(session, fmt::format(R"({{"method":"Target.targetDestroyed","params":{{"targetId":{}}})",
                              encode_string(target)));
  }
}

// One after the other: the event that comes before the answer does not say whose it is.
void Mux::attach_next(Session& parent) {
  parent.attaching = 0;
  for (auto* child : parent.children) {
    if (!child->wire.empty() || child->attach_method.empty() || !child->flat) continue;
    auto const number = parent.number;
    parent.attaching = child->number;
    step(&parent, child->attach_method, child->attach_params,
         [this, number, wanted = child->number](Answer const&) {
           // The event has bound it, or it cannot be had.
           auto* same = sessions_.find_number(number);
           auto* missing = sessions_.find_number(wanted);
           if (missing != nullptr && missing->wire.empty()) drop_lost({wanted});
           if (same != nullptr) attach_next(*same);
         });
    return;
  }
}

bool Mux::take_back(Session& parent, std::string_view wire, std::string_view target, bool waiting) {
  Session* found = nullptr;
  for (auto* child : parent.children) {
    if (!child->wire.empty()) continue;
    bool const asked = parent.attaching == child->number;
    bool const by_itself = child->attach_method.empty() && child->target == target;
    bool const browser = child->attach_method == "Target.attachToBrowserTarget";
    if (asked && (browser || child->target == target)) {
      found = child;
      break;
    }
    if (by_itself && found == nullptr) found = child;
  }
  if (found == nullptr) return false;
  sessions_.bind(*found, wire);
  --unbound_;
  if (waiting && !found->resumed) holds_.target_waits(*found);
  if (!resuming_) {  // late: Chrome gives workers back when it likes
    resuming_ = Resuming();
    resuming_->done = [](Answer const&) {};
  }
  restore(*found);
  return true;
}

void Mux::report_lost(Session& session) {
  tell(*session.parent,
       fmt::format(
           R"({{"method":"Target.detachedFromTarget","params":{{"sessionId":{},"targetId":{}}})",
           encode_string(session.id), encode_string(session.target)));
}

void Mux::settle() {
  // A target that is gone gives nothing back.
  std::vector<std::uint64_t> lost;
  for (auto const* session : sessions_.in_order())
    if (session->wire.empty() && (!session->flat || discovery_.find(session->target) == nullptr))
      lost.push_back(session->number);
  drop_lost(lost);
  auto const done = std::move(resuming_->done);
  resuming_.reset();
  suspended_ = false;
  ++counts_.resumed;
  send_again();
  if (!paused_) let_go_of_held();
  Answer const fine;
  done(fine);
}

void Mux::drop_unbound() {
  if (suspended_ || unbound_ == 0) return;
  std::vector<std::uint64_t> lost;
  for (auto const* session : sessions_.in_order())
    if (session->wire.empty()) lost.push_back(session->number);
  drop_lost(lost);
}

// Parents first: what is below them goes along, without a word, as in Chrome.
void Mux::drop_lost(std::vector<std::uint64_t> const& numbers) {
  for (auto const number : numbers) {
    auto* session = sessions_.find_number(number);
    if (session == nullptr || session->parent == nullptr) continue;
    report_lost(*session);
    drop_tree(*session);
  }
  to_set_again_.clear();
}

void Mux::send_again() {
  for (auto& kept : std::exchange(again_, {})) {
    if (!clients_.contains(kept.client)) continue;
    auto const* session = sessions_.find_number(kept.session);
    if (session == nullptr || session->wire.empty()) {
      ++counts_.lost;
      auto const child = session == nullptr ? std::string_view() : sessions_.child_id(kept.session);
      out_.to_client(kept.client, Spliced(target_gone(kept.client_id, child)));
      continue;
    }
    ++counts_.again;
    auto const id = pending_.add({kept.client, kept.client_id, kept.session, 0});
    auto const text =
        fmt::format("{{\"id\":{},\"method\":{}{}{}{}}}", id, encode_string(kept.method),
                    kept.params.empty() ? "" : ",\"params\":", kept.params, session->member);
    out_.to_upstream(Spliced(text));
    kept_.insert_or_assign(id, std::move(kept));
  }
}

void Mux::let_go_of_held() {
  std::vector<ClientId> waiting;
  for (auto const& [who, client] : clients_)
    if (!client.held.empty()) waiting.push_back(who);
  for (auto const who : waiting) {
    auto frames = std::exchange(clients_.at(who).held, {});
    for (auto const& frame : frames) {
      held_bytes_ -= frame.size();
      from_client(who, frame);
    }
  }
}

}  // namespace bridge::cdp
