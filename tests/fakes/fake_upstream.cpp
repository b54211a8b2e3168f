#include "tests/fakes/fake_upstream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

#include "base/scope_exit.hpp"
#include "cdp/json_scan.hpp"

namespace bridge::test {
namespace {

constexpr std::string_view kPath = "/cdp/a-secret-of-this-run";
constexpr std::string_view kVersion =
    R"({"protocolVersion":"1.3","product":"Chrome/156.0.8078.79","revision":"@0123",)"
    R"("userAgent":"Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0.0.0","jsVersion":"15.6.1"})";

struct Command {
  std::string id;  ///< raw
  std::string method;
  std::string session;
  std::string params;  ///< raw
};

std::string text_of(std::string_view object, std::string_view key) {
  auto const raw = cdp::find_member(object, key);
  return raw ? cdp::decode_string(*raw) : std::string();
}

Command parse(std::string_view frame) {
  Command out;
  out.id = cdp::find_member(frame, "id").value_or("0");
  out.method = text_of(frame, "method");
  out.session = text_of(frame, "sessionId");
  out.params = cdp::find_member(frame, "params").value_or("{}");
  return out;
}

std::string session_member(std::string_view session) {
  return session.empty() ? std::string() : fmt::format(R"(,"sessionId":"{}")", session);
}

std::string event(std::string_view method, std::string_view params, std::string_view session) {
  return fmt::format(R"({{"method":"{}","params":{}{}}})", method, params, session_member(session));
}

}  // namespace

/// One accepted WebSocket with its sessions.
class FakeUpstream::Connection final : public net::WsReceiver {
 public:
  Connection(FakeUpstream& owner, std::unique_ptr<net::WsStream> ws)
      : owner_(owner), ws_(std::move(ws)) {}

  awaitable<Error> run() { return ws_->run(*this); }
  [[nodiscard]] net::WsStream& ws() { return *ws_; }
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

  void on_message(net::WsOpcode, std::span<char> payload) override {
    auto const command = parse({payload.data(), payload.size()});
    owner_.commands_.push_back(command.method);
    if (owner_.silent || command.method == "Test.never") return;
    bool const attach = command.method == "Target.attachToBrowserTarget" ||
                        command.method == "Target.attachToTarget";
    if (attach && owner_.hold_attach) {
      held_.push_back(command);
    } else {
      answer(command);
    }
  }
  [[nodiscard]] std::size_t room() const override { return owner_.reads_ ? SIZE_MAX : 0; }
  awaitable<void> resumed() override { return owner_.reading_.wait(); }

  void release() {
    for (auto const& command : std::exchange(held_, {})) answer(command);
  }
  void send(std::string_view frame) { (void)ws_->send(frame); }

  void end_sessions_of(std::string const& target) {
    for (auto const& [id, session] : std::map(sessions_)) {
      if (session.target != target) continue;
      send(event("Inspector.detached", R"({"reason":"Render process gone."})", id));
      detach(id);
    }
  }

 private:
  struct Session {
    std::string target;  ///< empty: the browser
    std::string parent;  ///< empty: the control session
  };

  void answer(Command const& command) {
    auto const& method = command.method;
    if (!command.session.empty() && !sessions_.contains(command.session)) {
      send(fmt::format(R"({{"error":{{"code":-32001,"message":"Session with given id not )"
                       R"(found."}},"id":{}}})",
                       command.id));
    } else if (method == "Browser.getVersion") {
      reply(command, kVersion);
    } else if (method == "Target.setDiscoverTargets") {
      discover(command);
    } else if (method == "Target.attachToBrowserTarget") {
      attach(command, "", R"({"targetId":"B","type":"browser"})");
    } else if (method == "Target.attachToTarget") {
      auto const id = text_of(command.params, "targetId");
      auto const* target = owner_.find(id);
      if (target != nullptr) {
        attach(command, id, target->info());
      } else {
        refuse(command, "No target with given id found");
      }
    } else if (method == "Target.detachFromTarget") {
      if (detach(text_of(command.params, "sessionId"))) {
        reply(command, "{}");
      } else {
        refuse(command, "No session with given id");
      }
    } else if (method == "Target.createTarget") {
      auto const id = fmt::format("NEW{}", ++owner_.last_target_);
      owner_.add_target(id, "page", text_of(command.params, "url"));
      reply(command, fmt::format(R"({{"targetId":"{}"}})", id));
    } else if (method == "Target.getTargets") {
      std::string infos;
      for (auto const& target : owner_.targets_)
        infos += (infos.empty() ? "" : ",") + target.info();
      reply(command, fmt::format(R"({{"targetInfos":[{}]}})", infos));
    } else if (method == "Target.closeTarget") {
      owner_.destroy_target(text_of(command.params, "targetId"));
      reply(command, R"({"success":true})");
    } else if (method == "Test.large") {
      auto const bytes =
          std::stoul(std::string(cdp::find_member(command.params, "bytes").value_or("0")));
      reply(command, fmt::format(R"({{"data":"{}"}})", std::string(bytes, 'x')));
    } else {
      reply(command, fmt::format(R"({{"method":"{}","params":{}}})", method, command.params));
    }
  }

  void discover(Command const& command) {
    if (owner_.refuse_discovery) {
      refuse(command, "Not today");
      return;
    }
    for (auto const& target : owner_.targets_)
      send(event("Target.targetCreated", fmt::format(R"({{"targetInfo":{}}})", target.info()), ""));
    reply(command, "{}");
    if (owner_.drop_when_discovered) ws_->finish();
  }

  void attach(Command const& command, std::string target, std::string_view info) {
    auto const id = fmt::format("S{}", ++owner_.last_session_);
    sessions_.emplace(id, Session{std::move(target), command.session});
    auto const params =
        fmt::format(R"({{"sessionId":"{}","targetInfo":{},"waitingForDebugger":false}})", id, info);
    send(event("Target.attachedToTarget", params, command.session));
    reply(command, fmt::format(R"({{"sessionId":"{}"}})", id));
  }

  bool detach(std::string const& id) {
    auto const at = sessions_.find(id);
    if (at == sessions_.end()) return false;
    auto const gone = at->second;
    sessions_.erase(at);
    auto const params = fmt::format(R"({{"sessionId":"{}","targetId":"{}"}})", id, gone.target);
    send(event("Target.detachedFromTarget", params, gone.parent));
    return true;
  }

  void reply(Command const& command, std::string_view result) {
    send(fmt::format(R"({{"id":{},"result":{}{}}})", command.id, result,
                     session_member(command.session)));
  }
  void refuse(Command const& command, std::string_view message) {
    send(fmt::format(R"({{"id":{},"error":{{"code":-32000,"message":"{}"}}{}}})", command.id,
                     message, session_member(command.session)));
  }

  FakeUpstream& owner_;
  std::unique_ptr<net::WsStream> ws_;
  std::map<std::string, Session> sessions_;
  std::vector<Command> held_;
};

std::string FakeUpstream::Target::info() const {
  return fmt::format(R"({{"targetId":"{}","type":"{}","title":{},"url":"https://x.test/{}"}})", id,
                     type, cdp::encode_string(title), id);
}

FakeUpstream::FakeUpstream(net::Loop& loop)
    : server_(loop, *this, {}, "upstream"), reading_(loop.executor()) {
  if (auto const bound = server_.listen("127.0.0.1", 0); !bound)
    throw std::runtime_error(bound.error().text());
  server_.start();
}

FakeUpstream::~FakeUpstream() = default;

awaitable<void> FakeUpstream::stop() {
  read(true);
  co_await server_.stop();
}

std::string FakeUpstream::url() const {
  return fmt::format("ws://127.0.0.1:{}{}", server_.port(), kPath);
}

std::string FakeUpstream::http_url() const {
  return fmt::format("http://127.0.0.1:{}", server_.port());
}

void FakeUpstream::release_attaches() {
  hold_attach = false;
  for (auto const& connection : connections_) connection->release();
}

void FakeUpstream::read(bool on) {
  reads_ = on;
  reading_.notify_all();
}

void FakeUpstream::drop() {
  for (auto const& connection : connections_) connection->ws().abort();
}

void FakeUpstream::close(std::uint16_t code, std::string_view reason) {
  for (auto const& connection : connections_) connection->ws().close(code, reason);
}

void FakeUpstream::send(std::string_view frame) {
  for (auto const& connection : connections_) connection->send(frame);
}

void FakeUpstream::add_target(std::string id, std::string type, std::string title) {
  targets_.push_back({std::move(id), std::move(type), std::move(title)});
  auto const params = fmt::format(R"({{"targetInfo":{}}})", targets_.back().info());
  send(event("Target.targetCreated", params, ""));
}

void FakeUpstream::rename_target(std::string_view id, std::string title) {
  for (auto& target : targets_)
    if (target.id == id) target.title = title;
}

void FakeUpstream::destroy_target(std::string const& id) {
  for (auto const& connection : connections_) connection->end_sessions_of(id);
  std::erase_if(targets_, [&id](Target const& target) { return target.id == id; });
  send(event("Target.targetDestroyed", fmt::format(R"({{"targetId":"{}"}})", id), ""));
}

FakeUpstream::Target const* FakeUpstream::find(std::string_view id) const {
  auto const at = std::find_if(targets_.begin(), targets_.end(),
                               [id](Target const& target) { return target.id == id; });
  return at == targets_.end() ? nullptr : &*at;
}

std::size_t FakeUpstream::sessions() const {
  std::size_t out = 0;
  for (auto const& connection : connections_) out += connection->sessions();
  return out;
}

std::size_t FakeUpstream::count(std::string_view method) const {
  return static_cast<std::size_t>(std::count(commands_.begin(), commands_.end(), method));
}

awaitable<void> FakeUpstream::handle(net::HttpExchange& exchange) {
  if (!exchange.request().wants_websocket()) {
    net::HttpReply reply;
    // Under a name that only the browser itself understands, as behind a tunnel.
    reply.body = fmt::format(R"({{"webSocketDebuggerUrl":"ws://inside.test:1{}"}})", kPath);
    co_await exchange.reply(std::move(reply));
    co_return;
  }
  ++dials_;
  if (refusal) {
    auto reply = *refusal;
    co_await exchange.reply(std::move(reply));
    co_return;
  }
  net::WsLimits limits;
  limits.message_max = 512ULL << 20;
  limits.queue_max = std::numeric_limits<std::size_t>::max();
  auto accepted = co_await exchange.accept_websocket(limits);
  if (!accepted) co_return;
  auto connection = std::make_unique<Connection>(*this, std::move(*accepted));
  auto& here = *connection;
  auto const at = connections_.insert(connections_.end(), std::move(connection));
  auto const leave = scope_exit([this, at] { connections_.erase(at); });
  (void)co_await here.run();
}

}  // namespace bridge::test
