#include "cdp/mux.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cdp/json_scan.hpp"
#include "tests/fuzz/checks.hpp"
#include "tests/fuzz/documents.hpp"

namespace bridge::fuzz {
namespace {

constexpr std::size_t kStepsMax = 400;
constexpr std::size_t kSlots = 4;
constexpr std::int32_t kFirstId = 2147483640;  // soon goes round
constexpr std::array kForbidden{"Browser.close", "Browser.crash", "Browser.crashGpuProcess",
                                "Target.exposeDevToolsProtocol"};
// The members of a command behind its id.
constexpr std::array kCommands{
    R"("method":"A.b","params":{"sessionId":"look-alike","id":1})",
    R"("method":"Browser.close")",
    R"("method":"Browser.crash")",
    R"("method":"Target.exposeDevToolsProtocol","params":{"targetId":"T"})",
    R"("method":"Target.sendMessageToTarget","params":{"message":"{\"id\":1,\"method\":\"Browser.close\"}"})",
    R"("method":"Target.sendMessageToTarget","params":{"message":"{\"id\":1,\"method\":\"A.b\"}"})",
    R"("method":"Browser.setDownloadBehavior","params":{"behavior":"allow","downloadPath":"/d"})",
    R"("method":"Runtime.runIfWaitingForDebugger")",
    R"("method":"Fetch.continueRequest","params":{"requestId":"R"})",
    R"("method":"Fetch.disable")",
    R"("method":"Target.activateTarget","params":{"targetId":"T"})",
};

/// A mux between clients and a browser that do what the bytes say. What the browser sends carries
/// the number of the client it is for.
class Script final : private cdp::MuxOut {
 public:
  explicit Script(std::string_view bytes) : in_(bytes) {
    auto const flags = in_.byte();
    honest_ = (flags & 1U) == 0;
    is_lost_ = (flags & 2U) != 0;
  }

  void run() {
    mux_.start([](cdp::Mux::Answer const&) {});
    for (std::size_t steps = 0; !in_.empty() && steps < kStepsMax; ++steps) step();
    end();
  }

 private:
  struct InFlight {
    std::int32_t id = 0;
    std::uint64_t asker = 0;    // 0: the mux itself
    std::uint64_t joining = 0;  // whose root this asks for
    std::string asked_as;       // the asker's own id
  };

  // ---- what the mux puts out ----

  void to_upstream(cdp::Spliced const& message) override {
    auto const document = parse(without_surrogates(message.text()));
    if (!document) return;  // bytes of a client that no WebSocket would have let through
    auto const& sent = document->value;
    if (acting_ != 0) {
      require(sent.contains("sessionId"), "a client's command goes on a session");
      auto const owner = owners_.find(sent["sessionId"].get<std::string>());
      require(!honest_ || (owner != owners_.end() && owner->second == acting_),
              "a command goes on a session of its sender");
      for (auto const* method : kForbidden) require(sent["method"] != method, "the policy");
    }
    auto const id = sent["id"].get<std::int32_t>();
    for (auto const& other : in_flight_) require(other.id != id, "an id is one command's");
    in_flight_.push_back({id, acting_, joining_, acting_as_});
  }

  void to_client(ClientId who, cdp::Spliced const& message) override {
    auto const number = static_cast<std::uint64_t>(who);
    require(present_.contains(number), "nothing is said to who has left");
    auto const text = message.text();
    auto const document = parse(text);
    if (!document || !honest_) return;
    auto const& said = document->value;
    for (auto const* part : {"result", "params"})
      if (said.contains(part) && said[part].is_object() && said[part].contains("for"))
        require(said[part]["for"] == number, "it reaches the one it is for");
    if (said.contains("result") && said["result"].contains("as"))
      require(said["id"] == said["result"]["as"], "under the id that it was asked with");
    if (said.contains("sessionId") && !said.contains("error"))
      require(!roots_.contains(said["sessionId"].get<std::string>()), "a root has no name");
  }

  void client_leaves(ClientId who) override {
    require(static_cast<std::uint64_t>(who) == acting_, "who asks for it leaves");
  }
  void target_gone(ClientId who) override {
    require(present_.contains(static_cast<std::uint64_t>(who)), "who is ended is there");
  }

  // ---- what the bytes say ----

  void step() {
    auto const what = in_.byte();
    switch (what % 12) {
      case 0:
        return join();
      case 1:
        return leave(in_.byte() % kSlots);
      case 2:
        return command();
      case 3:
        return from_client(in_.byte() % kSlots, in_.take(in_.byte()));
      case 4:
      case 5:
        return answer(in_.byte(), in_.byte());
      case 6:
        return attach_child();
      case 7:
        return from_upstream(
            fmt::format(R"({{"method":"Target.detachedFromTarget","params":{{"sessionId":"{}"}},)"
                        R"("sessionId":"{}"}})",
                        some_session(), some_session()));
      case 8:
        return from_upstream(
            fmt::format(R"({{"method":"Target.detachedFromTarget","params":{{"sessionId":"{}"}}}})",
                        some_session()));
      case 9:
        return event(what & 16U ? "Fetch.requestPaused" : "A.happened");
      case 10:
        return from_upstream(fmt::format(
            R"({{"method":"Target.target{}","params":{{"targetInfo":{{"targetId":"{}"}},"targetId":"T"}}}})",
            what & 16U ? "Created" : "Destroyed", what & 32U ? "T" : "U"));
      default:
        if (!honest_) from_upstream(std::string(in_.take(in_.byte())));
    }
    check_holds();
    check_flows(mux_.in_flight() == 0);
  }

  void join() {
    auto const slot = in_.byte();
    auto& who = slots_.at(slot % kSlots);
    if (who != 0) return;
    who = ++last_client_;
    present_.insert(who);
    joining_ = who;
    mux_.join(ClientId{who}, slot & 16U ? "T" : "", [](cdp::Mux::Answer const&) {});
    joining_ = 0;
  }

  void leave(std::size_t slot) {
    auto const who = std::exchange(slots_.at(slot), 0);
    present_.erase(who);
    mux_.leave(ClientId{who});
  }

  void command() {
    auto const slot = in_.byte();
    std::string session;
    if (slot & 16U) session = ",\"sessionId\":" + cdp::encode_string(some_session());
    acting_as_ = std::to_string(in_.byte());
    from_client(slot % kSlots, fmt::format("{{\"id\":{},{}{}}}", acting_as_,
                                           kCommands.at(in_.byte() % kCommands.size()), session));
    acting_as_.clear();
  }

  void from_client(std::size_t slot, std::string_view frame) {
    acting_ = slots_.at(slot);
    if (acting_ != 0) mux_.from_client(ClientId{acting_}, frame);
    acting_ = 0;
  }

  void from_upstream(std::string const& frame) { mux_.from_upstream(frame); }

  void answer(std::size_t which, unsigned how) {
    if (in_flight_.empty()) return;
    auto const at = in_flight_.begin() + static_cast<std::ptrdiff_t>(which % in_flight_.size());
    auto const asked = *at;
    in_flight_.erase(at);
    if (how % 8 == 0) {
      from_upstream(
          fmt::format(R"({{"id":{},"error":{{"code":-32000,"message":"no"}}}})", asked.id));
    } else if (asked.joining != 0) {
      auto const root = new_session(asked.joining);
      roots_.insert(root);
      from_upstream(fmt::format(R"({{"id":{},"result":{{"sessionId":"{}"}}}})", asked.id, root));
    } else {
      auto const as = asked.asked_as.empty() ? "" : ",\"as\":" + asked.asked_as;
      from_upstream(
          fmt::format(R"({{"id":{},"result":{{"for":{}{}}}}})", asked.id, asked.asker, as));
    }
  }

  void attach_child() {
    auto const parent = some_session();
    auto const how = in_.byte();
    auto const child = new_session(owners_[parent]);
    auto const* type = how & 1U ? "page" : "service_worker";
    auto const* context = how & 2U ? R"(,"browserContextId":"C")" : "";
    from_upstream(fmt::format(
        R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}","targetInfo":)"
        R"({{"targetId":"T","type":"{}"{}}},"waitingForDebugger":{},"for":{}}},"sessionId":"{}"}})",
        child, type, context, how & 4U ? "true" : "false", owners_[parent], parent));
  }

  void event(std::string_view method) {
    auto const session = some_session();
    from_upstream(
        fmt::format(R"({{"method":"{}","params":{{"requestId":"R","for":{}}},"sessionId":"{}"}})",
                    method, owners_[session], session));
  }

  void end() {
    auto const list = mux_.discovery().list_json("localhost", true);
    require(!is_judged(list) || parse(list), "the list of targets is JSON");
    if (is_lost_) {
      mux_.lose_upstream();
      require(mux_.pending() == 0, "a lost runtime owes nothing");
      check_flows(true);
    }
    for (std::size_t slot = 0; slot < kSlots; ++slot) leave(slot);
    for (unsigned how = 1; !in_flight_.empty(); how = 1) answer(0, how);
    require(mux_.clients() == 0 && mux_.sessions() == 0 && mux_.pending() == 0,
            "the tables are empty");
    require(mux_.holds().all().empty(), "nothing is held");
  }

  void check_holds() {
    for (auto const& hold : mux_.holds().all())
      require(present_.contains(static_cast<std::uint64_t>(hold.client)), "who holds is there");
  }

  void check_flows(bool all_answered) {
    for (auto const who : present_) {
      auto const flow = mux_.flow(ClientId{who});
      require(flow.answered <= flow.sent, "no more is answered than was sent");
      require(!all_answered || flow.answered == flow.sent, "a command that is over is not counted");
    }
  }

  std::string new_session(std::uint64_t owner) {
    auto id = fmt::format("{:032X}", sessions_.size());
    sessions_.push_back(id);
    owners_[id] = owner;
    return id;
  }
  std::string some_session() {
    auto const which = in_.byte();
    if (sessions_.empty() || which == 255) return "nobody's";
    return sessions_[which % sessions_.size()];
  }

  Bytes in_;
  bool honest_ = true;  // a browser that names each session once, as Chrome does
  bool is_lost_ = false;
  cdp::Mux mux_{*this, cdp::MuxOptions{kFirstId, false}};
  std::array<std::uint64_t, kSlots> slots_{};
  std::set<std::uint64_t> present_;
  std::uint64_t last_client_ = 0;
  std::uint64_t acting_ = 0;
  std::string acting_as_;
  std::uint64_t joining_ = 0;
  std::vector<InFlight> in_flight_;
  std::vector<std::string> sessions_;            // all that ever were
  std::map<std::string, std::uint64_t> owners_;  // of them
  std::set<std::string> roots_;
};

}  // namespace

void check_mux(std::string_view bytes) {
  Script(bytes).run();
}

}  // namespace bridge::fuzz
