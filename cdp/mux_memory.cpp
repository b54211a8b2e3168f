#include <algorithm>
#include <charconv>
#include <utility>

#include "cdp/mux.hpp"
#include "cdp/mux_words.hpp"

// What a mux that survives its connection remembers of its clients' sessions while all is well.

namespace bridge::cdp {
namespace {

double number_of(std::string_view object, std::string_view key) {
  double number = 0;
  auto const raw = find_member(object, key).value_or("0");
  std::from_chars(raw.data(), raw.data() + raw.size(), number);
  return number;
}

// `frame` with `value`, a view into it, replaced.
std::string replaced(std::string_view frame, std::string_view value, std::string_view by) {
  auto const at = static_cast<std::size_t>(value.data() - frame.data());
  std::string out(frame.substr(0, at));
  out += by;
  out += frame.substr(at + value.size());
  return out;
}

}  // namespace

// A context with this flag goes with its connection, and its pages with it.
std::optional<std::string> Mux::without_dispose_flag(std::string_view frame,
                                                     Command const& command) const {
  auto const flag = find_member(command.params, "disposeOnDetach");
  if (!options_.survives || !flag || *flag != "true") return std::nullopt;
  return replaced(frame, *flag, "false");
}

std::optional<std::string> Mux::with_wire_session(std::string_view frame,
                                                  Command const& command) const {
  auto const named = find_member(command.params, "sessionId");
  if (!named) return std::nullopt;
  auto const* session = sessions_.find(decode_string(*named));
  if (session == nullptr || !session->renamed()) return std::nullopt;
  return replaced(frame, *named, encode_string(session->wire));
}

void Mux::keep(std::int32_t id, Rule rule, Command const& command, Session const& session) {
  Kept kept;
  kept.trait = trait_of(command.method);
  if (rule == Rule::note_attach) {
    kept.use = Kept::Use::attach;
    kept.trait.effect = Effect::session;
  } else if (rule == Rule::note_context) {
    kept.use = Kept::Use::context;
  } else if (kept.trait.effect == Effect::beyond) {
    return;
  } else if (kept.trait.effect == Effect::session) {
    kept.use = Kept::Use::state;
  } else if (command.method == "Page.getFrameTree") {
    kept.use = Kept::Use::frames;
  }
  kept.client = session.client;
  kept.client_id = command.id;
  kept.session = session.number;
  kept.method = command.method;
  kept.params = command.params;
  kept_.insert_or_assign(id, std::move(kept));
}

void Mux::answered(Kept const& kept, std::string_view frame) {
  auto const result = find_member(frame, "result");
  auto* session = sessions_.find_number(kept.session);
  if (!result || session == nullptr) return;
  switch (kept.use) {
    case Kept::Use::again:
      return;
    case Kept::Use::state:
      if (kept.method == "Runtime.runIfWaitingForDebugger") session->resumed = true;
      return session->state.note(kept.method, kept.trait, kept.params, *result);
    case Kept::Use::frames:
      return session->frames.learn(*result);
    case Kept::Use::attach: {
      auto* child = sessions_.find_wire(member_text(*result, "sessionId"));
      if (child == nullptr || child->parent != session) return;
      child->flat = kept.method == "Target.attachToBrowserTarget" ||
                    find_member(kept.params, "flatten") == "true";
      child->attach_method = kept.method;
      child->attach_params = kept.params;
      return;
    }
    case Kept::Use::context: {
      auto const context = member_text(*result, "browserContextId");
      browser_contexts_.insert(context);
      if (find_member(kept.params, "disposeOnDetach") != "true") return;
      contexts_.insert_or_assign(context, kept.client);
      out_.context_made(context);
    }
  }
}

bool Mux::is_remembered(std::string_view method) {
  if (method.starts_with("Network."))
    return method == "Network.requestWillBeSent" || method == "Network.loadingFailed" ||
           method.starts_with("Network.responseReceived");
  return method.starts_with("Page.frame") || method == "Page.navigatedWithinDocument" ||
         method == "Runtime.consoleAPICalled" || method == "Runtime.exceptionThrown" ||
         method == "Log.entryAdded" || method == "Target.targetDestroyed";
}

bool Mux::remember(std::string_view method, Session& session, std::string_view params) {
  if (method.starts_with("Network.")) {
    session.responses.on_event(method, params);
    return true;
  }
  if (method.starts_with("Page.")) {
    // Heard between the two commands that a session is told anew: its beginning was not.
    if (session.restoring && method == "Page.frameNavigated" && session.state.has(kLifecycle)) {
      auto const frame = find_member(params, "frame").value_or("{}");
      tell(session, document_begins(member_text(frame, "id"), member_text(frame, "loaderId")));
    }
    session.frames.on_event(method, params);
    return true;
  }
  if (method == "Target.targetDestroyed") {
    auto const id = member_text(params, "targetId");
    session.missing.erase(id);
    session.targets.erase(id);
    return true;
  }
  if (method == "Target.targetCreated" || method == "Target.targetInfoChanged") {
    auto const info = find_member(params, "targetInfo").value_or("{}");
    auto const id = member_text(info, "targetId");
    session.missing.erase(id);
    if (session.targets.insert(id).second || method == "Target.targetInfoChanged") return true;
    tell(session, fmt::format(R"({{"method":"Target.targetInfoChanged","params":{})", params));
    return false;
  }
  // Chrome repeats to a new session what a page has ever said.
  auto const said =
      method == "Log.entryAdded" ? find_member(params, "entry").value_or("{}") : params;
  auto const time = number_of(said, "timestamp");
  if (session.restoring && time <= session.last_console) return false;
  session.last_console = std::max(session.last_console, time);
  return true;
}

void Mux::context_left(std::string const& context) {
  contexts_.erase(context);
  if (suspended_) {
    contexts_left_.push_back(context);
    return;
  }
  call("Target.disposeBrowserContext", context_params(context), [](Answer const&) {});
  out_.context_gone(context);
}

void Mux::dispose_contexts(std::vector<std::string> const& contexts) {
  for (auto const& context : contexts) context_left(context);
}

}  // namespace bridge::cdp
