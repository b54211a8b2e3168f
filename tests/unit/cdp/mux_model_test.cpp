#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cdp/mux.hpp"
#include "tests/fakes/cdp_events.hpp"
#include "tests/fakes/mux_record.hpp"
#include "tests/fakes/random_json.hpp"

namespace bridge::cdp {
namespace {

using Lines = std::vector<std::string>;
using test::attached_event;
using test::detached_event;
using test::on;

/// A browser, its clients and what each may see, without a mux; and a mux between them. Every step
/// says beforehand, byte for byte, what the mux must put out.
class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed), mux_(record_, {2147483647 - 20'000, false}) {}

  void step() {
    switch (random_.pick(99)) {
      case 0:
      case 1:
        return join();
      case 2:
        return leave();
      case 3:
        return close_root();
      case 4:
      case 5:
      case 6:
        return detach_child();
      case 7:
      case 8:
      case 9:
      case 10:
        return late_frame();
      default:
        break;
    }
    auto const what = random_.pick(99);
    if (what < 8) return attach_child();
    if (what < 25) return event();
    if (what < 62) return command();
    reply();
  }

  /// Everybody leaves, the browser answers what it still owes.
  void end() {
    while (!clients_.empty()) leave_now(clients_.begin()->first);
    while (!in_flight_.empty()) reply_to(0);
    CHECK(mux_.clients() == 0);
    CHECK(mux_.sessions() == 0);
    CHECK(mux_.pending() == 0);
    CHECK(sessions_.empty());
  }
  void check_sizes() {
    REQUIRE(mux_.clients() == clients_.size());
    REQUIRE(mux_.sessions() == sessions_.size());
    REQUIRE(mux_.pending() == in_flight_.size());
    for (auto const& [who, client] : clients_) {
      auto const flow = mux_.flow(ClientId{who});
      REQUIRE(flow.answered <= flow.sent);
      if (mux_.in_flight() == 0) REQUIRE(flow.answered == flow.sent);
    }
  }
  [[nodiscard]] std::size_t delivered() const { return delivered_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }
  [[nodiscard]] std::size_t late() const { return late_sent_; }

 private:
  enum class Kind { command, attach, detach };
  struct InFlight {
    Kind kind = Kind::command;
    std::int64_t id = 0;
    std::string session;
    std::uint64_t client = 0;
    std::int64_t client_id = 0;
    std::size_t tag = 0;
  };
  struct Node {
    std::uint64_t client = 0;
    std::string parent;
  };
  struct Client {
    std::string root;  // empty: attaching, or its page is gone
    bool page = false;
  };

  void expect(Lines const& lines) {
    auto const got = record_.take();
    REQUIRE(got == lines);
    for (auto const& line : lines) delivered_ += line[0] == 'c' ? 1 : 0;
  }
  std::string new_session() { return fmt::format("{:032X}", ++last_session_); }
  static std::int64_t id_in(std::string const& up) {
    return nlohmann::json::parse(up.substr(3)).at("id").get<std::int64_t>();
  }
  bool is_root(std::string const& session) const { return sessions_.at(session).parent.empty(); }
  /// As the owner knows the session: not at all when it is the root.
  std::string shown(std::string const& session) const { return is_root(session) ? "" : session; }
  std::string any_session() {
    if (sessions_.empty()) return {};
    auto at = sessions_.begin();
    std::advance(at, random_.pick(sessions_.size() - 1));
    return at->first;
  }
  std::uint64_t any_client() {
    if (clients_.empty()) return 0;
    auto at = clients_.begin();
    std::advance(at, random_.pick(clients_.size() - 1));
    return at->first;
  }
  bool below(std::string session, std::string const& top) const {
    for (; !session.empty(); session = sessions_.at(session).parent)
      if (session == top) return true;
    return false;
  }
  /// The subtree dies; the browser never answers what was in flight there, or too late.
  void kill(std::string const& top) {
    std::vector<std::string> dying;
    for (auto const& [id, node] : sessions_)
      if (below(id, top)) dying.push_back(id);
    std::erase_if(in_flight_, [&](InFlight const& entry) {
      bool const dead = entry.kind == Kind::command &&
                        std::find(dying.begin(), dying.end(), entry.session) != dying.end();
      if (dead)
        late_.push_back(fmt::format(R"({{"id":{},"result":{{}}{}}})", entry.id, on(entry.session)));
      return dead;
    });
    for (auto const& id : dying) {
      sessions_.erase(id);
      late_.push_back(fmt::format(R"({{"method":"Inspector.detached","params":{{}}{}}})", on(id)));
      dead_.push_back(id);
    }
  }

  void join() {
    if (clients_.size() >= 12) return;
    auto const who = ++last_client_;
    bool const page = random_.chance(30);
    clients_[who].page = page;
    mux_.join(ClientId{who}, page ? "T" : "", [this, who](Mux::Answer const& answer) {
      REQUIRE(answer.ok());
      REQUIRE(clients_.contains(who));
      joined_ = who;
    });
    auto const got = record_.take();
    REQUIRE(got.size() == 1);
    in_flight_.push_back({Kind::attach, id_in(got[0]), "", who, 0, 0});
  }
  void leave() {
    if (random_.chance(50) || clients_.empty()) return;
    leave_now(any_client());
  }
  void leave_now(std::uint64_t who) {
    auto const root = clients_.at(who).root;
    clients_.erase(who);
    mux_.leave(ClientId{who});
    if (root.empty()) return expect({});
    auto const got = record_.take();
    REQUIRE(got.size() == 1);
    auto const id = id_in(got[0]);
    REQUIRE(
        got[0] ==
        fmt::format(
            R"(up {{"id":{},"method":"Target.detachFromTarget","params":{{"sessionId":"{}"}}}})",
            id, root));
    kill(root);
    late_.push_back(detached_event("", root));
    in_flight_.push_back({Kind::detach, id, "", 0, 0, 0});
  }
  /// A page closes: its root goes by itself.
  void close_root() {
    auto const who = any_client();
    if (who == 0 || !clients_.at(who).page || clients_.at(who).root.empty()) return;
    auto const root = std::exchange(clients_.at(who).root, "");
    kill(root);
    mux_.from_upstream(detached_event("", root));
    expect(
        {fmt::format(
             R"(c{} {{"method":"Inspector.detached","params":{{"reason":"target_closed"}}}})", who),
         fmt::format("c{} gone", who)});
  }
  void attach_child() {
    auto const parent = any_session();
    if (parent.empty() || sessions_.size() > 60) return;
    auto const child = new_session();
    auto const who = sessions_.at(parent).client;
    mux_.from_upstream(attached_event(parent, child));
    expect({fmt::format("c{} {}", who, attached_event(shown(parent), child))});
    sessions_[child] = {who, parent};
  }
  void detach_child() {
    auto const child = any_session();
    if (child.empty() || is_root(child)) return;
    auto const parent = sessions_.at(child).parent;
    auto const who = sessions_.at(child).client;
    mux_.from_upstream(detached_event(parent, child));
    expect({fmt::format("c{} {}", who, detached_event(shown(parent), child))});
    kill(child);
  }
  void event() {
    auto const session = any_session();
    if (session.empty()) return;
    auto const make = [tag = ++tag_](std::string const& on_session) {
      return fmt::format(R"({{"method":"A.e","params":{{"tag":{}}}{}}})", tag, on(on_session));
    };
    mux_.from_upstream(make(session));
    expect({fmt::format("c{} {}", sessions_.at(session).client, make(shown(session)))});
  }
  void late_frame() {
    if (late_.empty()) return;
    auto const at = random_.pick(late_.size() - 1);
    std::swap(late_[at], late_.back());
    mux_.from_upstream(late_.back());
    late_.pop_back();
    ++late_sent_;
    expect({});
  }
  void command() {
    auto const who = any_client();
    if (who == 0) return;
    auto const client_id = static_cast<std::int64_t>(random_.pick(50)) - 10;
    auto const tag = ++tag_;
    auto const order = random_.pick(2);
    auto const make = [&](std::int64_t id, std::string const& session) {
      auto const params = fmt::format(R"("params":{{"tag":{},"sessionId":"x"}})", tag);
      if (order == 0)
        return fmt::format(R"({{"id":{},"method":"A.b",{}{}}})", id, params, on(session));
      if (order == 1)
        return fmt::format(R"({{"method":"A.b",{},"id":{}{}}})", params, id, on(session));
      return session.empty()
                 ? fmt::format(R"({{"id":{},"method":"A.b",{}}})", id, params)
                 : fmt::format(R"({{"id":{},"method":"A.b"{},{}}})", id, on(session), params);
    };
    auto const& root = clients_.at(who).root;
    std::string session;
    if (random_.chance(60))
      session = random_.chance(85) || dead_.empty() ? any_session() : random_.one_of(dead_);
    mux_.from_client(ClientId{who}, make(client_id, session));
    if (root.empty()) return expect({});
    auto const known = sessions_.find(session);
    bool const own = session.empty() ||
                     (known != sessions_.end() && known->second.client == who && session != root);
    if (!own) {
      ++refused_;
      return expect({fmt::format(R"(c{} {{"id":{},"error":{{"code":-32001,)"
                                 R"("message":"Session with given id not found."}}}})",
                                 who, client_id)});
    }
    auto const real = session.empty() ? root : session;
    auto const got = record_.take();
    REQUIRE(got.size() == 1);
    auto const id = id_in(got[0]);
    auto const expected =
        order == 2 && session.empty()
            ? fmt::format(R"({{"id":{},"method":"A.b","params":{{"tag":{},"sessionId":"x"}}{}}})",
                          id, tag, on(real))
            : make(id, real);
    REQUIRE(got[0] == "up " + expected);
    in_flight_.push_back({Kind::command, id, real, who, client_id, tag});
  }
  void reply() {
    if (!in_flight_.empty()) reply_to(random_.pick(in_flight_.size() - 1));
  }
  void reply_to(std::size_t at) {
    std::swap(in_flight_[at], in_flight_.back());
    auto const entry = in_flight_.back();
    in_flight_.pop_back();
    if (entry.kind == Kind::attach) return reply_to_attach(entry);
    if (entry.kind == Kind::detach) {
      mux_.from_upstream(fmt::format(R"({{"id":{},"result":{{}}}})", entry.id));
      return expect({});
    }
    // Errors about the envelope carry no session.
    bool const bare = random_.chance(10);
    auto const make = [&](std::int64_t id, std::string const& session) {
      if (bare) return fmt::format(R"({{"id":{},"error":{{"code":{}}}}})", id, entry.tag);
      return fmt::format(R"({{"id":{},"result":{{"tag":{}}}{}}})", id, entry.tag, on(session));
    };
    mux_.from_upstream(make(entry.id, entry.session));
    expect({fmt::format("c{} {}", entry.client, make(entry.client_id, shown(entry.session)))});
  }
  void reply_to_attach(InFlight const& entry) {
    auto const session = new_session();
    mux_.from_upstream(attached_event("", session));
    expect({});
    joined_ = 0;
    mux_.from_upstream(
        fmt::format(R"({{"id":{},"result":{{"sessionId":"{}"}}}})", entry.id, session));
    auto const client = clients_.find(entry.client);
    if (client != clients_.end()) {
      REQUIRE(joined_ == entry.client);
      client->second.root = session;
      sessions_[session] = {entry.client, ""};
      return expect({});
    }
    REQUIRE(joined_ == 0);
    auto const got = record_.take();
    REQUIRE(got.size() == 1);
    in_flight_.push_back({Kind::detach, id_in(got[0]), "", 0, 0, 0});
  }

  test::RandomJson random_;
  test::MuxRecord record_;
  Mux mux_;
  std::map<std::uint64_t, Client> clients_;
  std::map<std::string, Node> sessions_;
  std::vector<InFlight> in_flight_;
  std::vector<std::string> late_;
  std::vector<std::string> dead_;
  std::uint64_t last_client_ = 0;
  std::uint64_t last_session_ = 0;
  std::uint64_t joined_ = 0;
  std::size_t tag_ = 0;
  std::size_t delivered_ = 0;
  std::size_t refused_ = 0;
  std::size_t late_sent_ = 0;
};

}  // namespace

TEST_CASE("mux: 100,000 random steps route exactly as a model says, and end with empty tables") {
  std::size_t delivered = 0;
  std::size_t refused = 0;
  std::size_t late = 0;
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < 25'000; ++i) {
      world.step();
      world.check_sizes();
    }
    world.end();
    delivered += world.delivered();
    refused += world.refused();
    late += world.late();
  }
  // The walk really went through all of it.
  CHECK(delivered > 30'000);
  CHECK(refused > 1'000);
  CHECK(late > 1'000);
}

}  // namespace bridge::cdp
