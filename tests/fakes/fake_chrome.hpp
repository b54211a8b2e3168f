#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cdp/mux.hpp"

namespace bridge::test {

using nlohmann::json;

/// What a session was told, and what happened in a page.
struct Deed {
  int serial;
  std::string target;
};

/// Chrome, as far as the mux can tell. Its pages outlive connections, its sessions do not.
class FakeChrome {
 public:
  explicit FakeChrome(std::vector<std::string> pages) : pages_(std::move(pages)) {}

  struct Session {
    std::string target;  // empty: the browser
    bool auto_attach = false;
    bool discovers = false;
    bool page = false;  // Page.enable
    std::vector<std::string> said;
  };

  /// The connection ends: everything of it is forgotten.
  void hang_up() {
    sessions_.clear();
    out.clear();
  }
  void open_page(std::string id) {
    pages_.push_back(id);
    for (auto& [wire, session] : std::map(sessions_)) {
      if (session.discovers) created(id, wire);
      if (session.auto_attach && session.target.empty()) attach(wire, id);
    }
  }
  void close_page(std::string const& id) {
    std::erase(pages_, id);
    for (auto const& [wire, session] : std::map(sessions_)) {
      if (session.discovers) event("Target.targetDestroyed", {{"targetId", id}}, wire);
      if (session.target != id) continue;
      event("Target.detachedFromTarget", {{"sessionId", wire}, {"targetId", id}}, parents_[wire]);
      sessions_.erase(wire);
    }
  }

  void take(std::string const& text) {
    auto const command = json::parse(text);
    auto const id = command.at("id").get<int>();
    auto const method = command.at("method").get<std::string>();
    auto const params = command.value("params", json::object());
    auto const wire = command.value("sessionId", "");
    if (!wire.empty() && !sessions_.contains(wire)) {
      out.push_back(
          json{{"id", id},
               {"error", {{"code", -32001}, {"message", "Session with given id not found."}}}}
              .dump());
      return;
    }
    auto const result = perform(method, params, wire);
    if (!result) {
      out.push_back(json{
          {"id", id}, {"error", {{"code", -32602}, {"message", "No target with given id found"}}}}
                        .dump());
      return;
    }
    auto reply = json{{"id", id}, {"result", *result}};
    if (!wire.empty()) reply["sessionId"] = wire;
    out.push_back(reply.dump());
  }

  /// Another document is in a page; load_before(): right before the next command of `method`.
  void load(std::string const& page, std::string const& loader) {
    loaders_[page] = loader;
    for (auto const& [wire, session] : sessions_)
      if (session.target == page && session.page)
        event("Page.frameNavigated", {{"frame", frame(page)}}, wire);
  }
  void load_before(std::string const& method, std::string const& page, std::string const& loader) {
    pending_load_ = {method, page, loader};
  }

  std::deque<std::string> out;
  std::vector<Deed> deeds;
  std::string default_context = "CTX";
  std::set<std::string> contexts;
  [[nodiscard]] std::map<std::string, Session> const& sessions() const { return sessions_; }
  [[nodiscard]] std::vector<std::string> const& pages() const { return pages_; }
  /// What the sessions of one target were told, all connections' newest.
  [[nodiscard]] std::vector<std::vector<std::string>> told(std::string const& target) const {
    std::vector<std::vector<std::string>> all;
    for (auto const& [wire, session] : sessions_)
      if (session.target == target) all.push_back(session.said);
    return all;
  }

 private:
  std::optional<json> perform(std::string const& method, json const& params,
                              std::string const& wire) {
    if (method == pending_load_[0]) {
      auto const next = std::exchange(pending_load_, {"-"});
      load(next[1], next[2]);
    }
    if (method == "Page.enable") sessions_[wire].page = true;
    if (method == "Page.getFrameTree")
      return json{{"frameTree", {{"frame", frame(sessions_[wire].target)}}}};
    // How far the document has come is said to whoever begins to listen.
    if (method == "Page.setLifecycleEventsEnabled") {
      auto const& page = sessions_[wire].target;
      event("Page.lifecycleEvent",
            {{"frameId", page}, {"loaderId", loaders_[page]}, {"name", "load"}, {"timestamp", 1}},
            wire);
    }
    if (method == "Browser.getVersion")
      return json{{"product", "Chrome/1"}, {"revision", "@1"}, {"userAgent", "ua"}};
    if (method == "Target.getBrowserContexts")
      return json{{"browserContextIds", json::array()},
                  {"defaultBrowserContextId", default_context}};
    if (method == "Target.attachToBrowserTarget") return json{{"sessionId", attach(wire, "")}};
    if (method == "Target.attachToTarget") {
      auto const target = params.at("targetId").get<std::string>();
      if (std::find(pages_.begin(), pages_.end(), target) == pages_.end()) return std::nullopt;
      return json{{"sessionId", attach(wire, target)}};
    }
    if (method == "Target.detachFromTarget") {
      detach(params.at("sessionId"));
      return json::object();
    }
    if (method == "Target.setDiscoverTargets") {
      if (!wire.empty()) sessions_[wire].discovers = true;
      for (auto const& page : pages_) created(page, wire);
      return json::object();
    }
    if (method == "Target.setAutoAttach") {
      sessions_[wire].auto_attach = true;
      if (sessions_[wire].target.empty())
        for (auto const& page : std::vector(pages_))
          if (!is_attached(wire, page)) attach(wire, page);
      return json::object();
    }
    if (method == "Target.createBrowserContext") {
      CHECK(params.value("disposeOnDetach", false) == false);
      auto const made = fmt::format("C{}", ++last_);
      contexts.insert(made);
      return json{{"browserContextId", made}};
    }
    if (method == "Target.disposeBrowserContext") {
      contexts.erase(params.at("browserContextId").get<std::string>());
      return json::object();
    }
    if (method == "Test.do") {
      deeds.push_back({params.at("serial").get<int>(), sessions_[wire].target});
      return json{{"did", params.at("serial")}};
    }
    if (!wire.empty()) sessions_[wire].said.push_back(method + params.dump());
    return json::object();
  }
  json frame(std::string const& page) {
    return {{"id", page}, {"loaderId", loaders_[page]}, {"url", "http://" + loaders_[page]}};
  }
  void created(std::string const& page, std::string const& wire) {
    event("Target.targetCreated", {{"targetInfo", {{"targetId", page}, {"type", "page"}}}}, wire);
  }
  void detach(std::string const& wire) {
    sessions_.erase(wire);
    for (auto const& [child, parent] : parents_)
      if (parent == wire && sessions_.contains(child)) detach(child);
  }
  bool is_attached(std::string const& parent, std::string const& page) {
    for (auto const& [wire, session] : sessions_)
      if (session.target == page && parents_[wire] == parent) return true;
    return false;
  }
  std::string attach(std::string const& parent, std::string const& target) {
    auto const wire = fmt::format("{:032X}", ++last_);
    sessions_[wire].target = target;
    parents_[wire] = parent;
    event("Target.attachedToTarget",
          {{"sessionId", wire},
           {"targetInfo",
            {{"targetId", target.empty() ? "B" : target},
             {"type", target.empty() ? "browser" : "page"}}},
           {"waitingForDebugger", false}},
          parent);
    return wire;
  }
  void event(std::string const& method, json const& params, std::string const& wire) {
    auto text = json{{"method", method}, {"params", params}}.dump();
    if (!wire.empty()) text.insert(text.size() - 1, ",\"sessionId\":\"" + wire + "\"");
    out.push_back(std::move(text));
  }

  std::vector<std::string> pages_;
  std::map<std::string, std::string> loaders_;
  std::array<std::string, 3> pending_load_{"-"};
  std::map<std::string, Session> sessions_;
  std::map<std::string, std::string> parents_;
  int last_ = 0;
};

/// A mux between clients and that browser, and a wire that can be cut anywhere.
class Scene final : private cdp::MuxOut {
 public:
  explicit Scene(std::vector<std::string> pages) : chrome(std::move(pages)), mux(*this, {1, true}) {
    mux.start([](cdp::Mux::Answer const&) {});
    pump();
  }

  /// What one client has heard.
  struct Heard {
    std::map<int, std::vector<json>> answers;  // by the client's id
    std::vector<json> events;
    std::map<std::string, std::string> sessions;  // child session, its target
    bool gone = false;
  };

  void join(std::uint64_t who, std::string const& target = "") {
    heard[who];
    bool joined = false;
    mux.join(ClientId{who}, target, [&](cdp::Mux::Answer const& answer) { joined = answer.ok(); });
    pump();
    REQUIRE(joined);
  }
  int send(std::uint64_t who, std::string const& method, json const& params = json::object(),
           std::string const& session = "") {
    auto command = json{{"id", ++last_id_}, {"method", method}, {"params", params}};
    if (!session.empty()) command["sessionId"] = session;
    mux.from_client(ClientId{who}, command.dump());
    return last_id_;
  }
  int ask(std::uint64_t who, std::string const& method, json const& params = json::object(),
          std::string const& session = "") {
    auto const id = send(who, method, params, session);
    pump();
    return id;
  }
  json answer(std::uint64_t who, int id) {
    auto const& all = heard[who].answers[id];
    CAPTURE(id);
    REQUIRE(all.size() == 1);
    return all.front();
  }
  std::string session_of(std::uint64_t who, std::string const& target) {
    for (auto const& [session, of] : heard[who].sessions)
      if (of == target) return session;
    return "";
  }

  /// Everything arrives.
  void pump() {
    while (step_up() || step_down()) continue;
  }
  bool step_up() {
    if (up_.empty()) return false;
    auto const text = std::move(up_.front());
    up_.pop_front();
    chrome.take(text);
    return true;
  }
  bool step_down() {
    if (chrome.out.empty()) return false;
    auto const text = std::move(chrome.out.front());
    chrome.out.pop_front();
    mux.from_upstream(text);
    return true;
  }
  /// `arrives` of what is on its way up still gets there; what comes back does not.
  void cut(std::size_t arrives = 0) {
    for (; arrives > 0 && step_up(); --arrives) continue;
    up_.clear();
    chrome.hang_up();
    mux.suspend();
  }
  void resume() {
    resumed.reset();
    mux.resume([this](cdp::Mux::Answer const& answer) { resumed = answer.error; });
  }

  FakeChrome chrome;
  std::map<std::uint64_t, Heard> heard;
  std::optional<std::string> resumed;  // none: not yet; else the error
  std::set<std::string> owned;
  cdp::Mux mux;

 private:
  void to_upstream(cdp::Spliced const& message) override { up_.push_back(message.text()); }
  void to_client(ClientId who, cdp::Spliced const& message) override {
    auto& mine = heard[static_cast<std::uint64_t>(who)];
    auto const got = json::parse(message.text());
    if (got.contains("id")) {
      mine.answers[got.at("id").get<int>()].push_back(got);
      return;
    }
    mine.events.push_back(got);
    auto const& params = got.at("params");
    if (got.at("method") == "Target.attachedToTarget")
      mine.sessions[params.at("sessionId")] = params.at("targetInfo").at("targetId");
    if (got.at("method") == "Target.detachedFromTarget")
      mine.sessions.erase(params.at("sessionId"));
  }
  void client_leaves(ClientId) override {}
  void target_gone(ClientId who) override { heard[static_cast<std::uint64_t>(who)].gone = true; }
  void context_made(std::string_view context) override { owned.emplace(context); }
  void context_gone(std::string_view context) override { owned.erase(std::string(context)); }

  std::deque<std::string> up_;
  int last_id_ = 0;
};

}  // namespace bridge::test
