#include "cdp/mux.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/fakes/cdp_events.hpp"
#include "tests/fakes/mux_record.hpp"

namespace bridge::cdp {
namespace {

using Lines = std::vector<std::string>;
using test::attached_event;
using test::detached_event;
using test::on;

constexpr ClientId kAnn{1};
constexpr ClientId kBob{2};
constexpr std::string_view kAnnRoot = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr std::string_view kBobRoot = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
constexpr std::string_view kChild = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC";
constexpr std::string_view kGrandchild = "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD";

/// A mux and what it put out. Every take() is compared whole, so nothing extra goes unseen.
struct Bench {
  explicit Bench(std::int32_t first_id = 1) : mux(record, {first_id, false}) {}

  Lines take() { return record.take(); }

  /// The runtime answers the last command that went up.
  void answer(Lines const& up, std::string_view body) {
    REQUIRE_FALSE(up.empty());
    auto const sent = nlohmann::json::parse(up.back().substr(3));
    mux.from_upstream(fmt::format(R"({{"id":{},{}}})", sent.at("id").get<int>(), body));
  }
  /// Joins to the end, over `target` when it is not empty.
  void join(ClientId who, std::string_view root, std::string_view target = {}) {
    bool joined = false;
    mux.join(who, target, [&](Mux::Answer const& answer) { joined = answer.ok(); });
    auto const up = take();
    mux.from_upstream(attached_event("", root));
    answer(up, fmt::format(R"("result":{{"sessionId":"{}"}})", root));
    REQUIRE(joined);
    REQUIRE(take().empty());
  }
  void join_two() {
    join(kAnn, kAnnRoot);
    join(kBob, kBobRoot);
  }
  /// Ann gets kChild below her root, and kGrandchild below it.
  void grow_ann() {
    mux.from_upstream(attached_event(kAnnRoot, kChild));
    mux.from_upstream(attached_event(kChild, kGrandchild));
    (void)take();
  }
  Lines from(ClientId who, std::string_view frame) {
    mux.from_client(who, frame);
    return take();
  }
  Lines up(std::string_view frame) {
    mux.from_upstream(frame);
    return take();
  }

  test::MuxRecord record;
  Mux mux;
};

}  // namespace

TEST_CASE("mux: the start asks for version and targets, then reports once") {
  Bench bench;
  int ready = 0;
  bench.mux.start([&](Mux::Answer const& answer) { ready += answer.ok() ? 1 : 100; });
  CHECK(bench.take() ==
        Lines{R"(up {"id":1,"method":"Browser.getVersion","params":{}})",
              R"(up {"id":2,"method":"Target.setDiscoverTargets","params":{"discover":true,)"
              R"("filter":[{}]}})"});
  bench.mux.from_upstream(R"({"id":1,"result":{"product":"Chrome/1"}})");
  CHECK(ready == 0);
  bench.mux.from_upstream(
      R"({"method":"Target.targetCreated","params":{"targetInfo":{"targetId":"P",)"
      R"("type":"page"}}})");
  bench.mux.from_upstream(R"({"id":2,"result":{}})");
  CHECK(ready == 1);
  CHECK(bench.mux.discovery().version().product == "Chrome/1");
  CHECK(bench.mux.discovery().find("P") != nullptr);
  CHECK(bench.take().empty());
}

TEST_CASE("mux: a browser client joins by attaching to the browser") {
  Bench bench;
  std::string session;
  bench.mux.join(kAnn, "", [&](Mux::Answer const& answer) { session = answer.result; });
  auto const up = bench.take();
  CHECK(up == Lines{R"(up {"id":1,"method":"Target.attachToBrowserTarget","params":{}})"});
  CHECK(bench.up(attached_event("", kAnnRoot)).empty());
  CHECK(session.empty());
  bench.answer(up, R"("result":{"sessionId":"AA"})");
  CHECK(session == R"({"sessionId":"AA"})");
  CHECK(bench.mux.sessions() == 1);
  CHECK(bench.mux.clients() == 1);
  CHECK(bench.mux.pending() == 0);
}

TEST_CASE("mux: a page client joins by attaching to its target") {
  Bench bench;
  bench.mux.join(kAnn, "T\"1", [](Mux::Answer const&) {});
  CHECK(bench.take() ==
        Lines{R"(up {"id":1,"method":"Target.attachToTarget","params":{"targetId":"T\"1",)"
              R"("flatten":true}})"});
}

TEST_CASE("mux: joining an unknown target fails with Chrome's words") {
  Bench bench;
  std::string error;
  bench.mux.join(kAnn, "T9", [&](Mux::Answer const& answer) { error = answer.error; });
  bench.answer(bench.take(),
               R"("error":{"code":-32602,"message":"No target with given id found"})");
  CHECK(error == "No target with given id found");
  CHECK(bench.mux.clients() == 0);
  CHECK(bench.mux.sessions() == 0);
  bench.mux.leave(kAnn);
  CHECK(bench.take().empty());
}

TEST_CASE("mux: an attach reply without a session is a failure") {
  Bench bench;
  std::string error;
  bench.mux.join(kAnn, "", [&](Mux::Answer const& answer) { error = answer.error; });
  bench.answer(bench.take(), R"("result":{})");
  CHECK(error == "the runtime gave no session");
  CHECK(bench.mux.clients() == 0);
}

TEST_CASE("mux: a client's command gets an id of ours and its root session") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  CHECK(bench.from(kAnn, R"({"id":7,"method":"Browser.getVersion"})") ==
        Lines{fmt::format(R"(up {{"id":2,"method":"Browser.getVersion","sessionId":"{}"}})",
                          kAnnRoot)});
  CHECK(bench.from(kAnn, R"({"method":"A.b","params":{},"id":-3,"sessionId":""})") ==
        Lines{fmt::format(R"(up {{"method":"A.b","params":{{}},"id":3,"sessionId":"{}"}})",
                          kAnnRoot)});
}

TEST_CASE("mux: two clients may use the same command id") {
  Bench bench;
  bench.join_two();
  auto const command = R"({"id":1,"method":"Browser.getVersion"})";
  CHECK(bench.from(kAnn, command).at(0).find(R"("id":3,)") != std::string::npos);
  CHECK(bench.from(kBob, command).at(0).find(R"("id":4,)") != std::string::npos);
  CHECK(bench.up(fmt::format(R"({{"id":4,"result":{{"b":1}}{}}})", on(kBobRoot))) ==
        Lines{R"(c2 {"id":1,"result":{"b":1}})"});
  CHECK(bench.up(fmt::format(R"({{"id":3,"result":{{"a":1}}{}}})", on(kAnnRoot))) ==
        Lines{R"(c1 {"id":1,"result":{"a":1}})"});
  CHECK(bench.mux.pending() == 0);
}

TEST_CASE("mux: one client may have the same id in flight twice") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  (void)bench.from(kAnn, R"({"id":1,"method":"A.b"})");
  (void)bench.from(kAnn, R"({"id":1,"method":"C.d"})");
  CHECK(bench.up(R"({"id":3,"result":{"second":1}})") ==
        Lines{R"(c1 {"id":1,"result":{"second":1}})"});
  CHECK(bench.up(R"({"id":2,"result":{"first":1}})") ==
        Lines{R"(c1 {"id":1,"result":{"first":1}})"});
}

TEST_CASE("mux: a reply without sessionId reaches its sender") {
  Bench bench;
  bench.join_two();
  (void)bench.from(kBob, R"({"id":9,"method":"A.b"})");
  CHECK(bench.up(R"({"id":3,"error":{"code":-32601,"message":"m"}})") ==
        Lines{R"(c2 {"id":9,"error":{"code":-32601,"message":"m"}})"});
}

TEST_CASE("mux: a reply of a child session keeps its sessionId") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  bench.grow_ann();
  CHECK(bench.from(kAnn, fmt::format(R"({{"id":5,"method":"A.b"{}}})", on(kChild))) ==
        Lines{fmt::format(R"(up {{"id":2,"method":"A.b"{}}})", on(kChild))});
  CHECK(bench.up(fmt::format(R"({{"id":2,"result":{{}}{}}})", on(kChild))) ==
        Lines{fmt::format(R"(c1 {{"id":5,"result":{{}}{}}})", on(kChild))});
}

TEST_CASE("mux: an id of the runtime that nobody waits for is dropped and counted") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  CHECK(bench.up(R"({"id":55,"result":{}})").empty());
  CHECK(bench.up(R"({"id":-1,"result":{}})").empty());
  CHECK(bench.up(fmt::format(R"({{"method":"A.b","params":{{}}{}}})", on(kChild))).empty());
  CHECK(bench.mux.counts().orphans == 3);
  CHECK(bench.up("garbage").empty());
  CHECK(bench.up(R"({"error":{"code":-32700,"message":"m"}})").empty());
  CHECK(bench.mux.counts().garbage == 2);
}

TEST_CASE("mux: events reach the owner of their session, without the root's name") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  CHECK(bench.up(fmt::format(R"({{"method":"A.b","params":{{}}{}}})", on(kAnnRoot))) ==
        Lines{R"(c1 {"method":"A.b","params":{}})"});
  CHECK(bench.up(fmt::format(R"({{"method":"A.b","params":{{}}{}}})", on(kBobRoot))) ==
        Lines{R"(c2 {"method":"A.b","params":{}})"});
  auto const event =
      fmt::format(R"({{"method":"A.b","params":{{"sessionId":5}}{}}})", on(kGrandchild));
  CHECK(bench.up(event) == Lines{"c1 " + event});
  // The control session is ours.
  CHECK(bench.up(R"({"method":"A.b","params":{}})").empty());
}

TEST_CASE("mux: a session of another client, a dead one and one's own root do not exist") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  auto const not_found =
      R"(c2 {"id":5,"error":{"code":-32001,"message":"Session with given id not found."}})";
  for (std::string_view const session :
       {kChild, kGrandchild, kAnnRoot, kBobRoot, std::string_view("X")}) {
    CAPTURE(session);
    CHECK(bench.from(kBob, fmt::format(R"({{"id":5,"method":"A.b"{}}})", on(session))) ==
          Lines{not_found});
  }
  // Escapes do not get round the check.
  CHECK(bench.from(kBob, fmt::format(R"({{"id":5,"method":"A.b","sessionId":"\u0043{}"}})",
                                     kChild.substr(1))) == Lines{not_found});
  CHECK(bench.mux.counts().refused == 6);
  CHECK(bench.mux.pending() == 0);
  // The owner's escaped spelling is sent as Chrome's own.
  CHECK(bench.from(kAnn, fmt::format(R"({{"id":5,"method":"A.b","sessionId":"\u0043{}"}})",
                                     kChild.substr(1))) ==
        Lines{fmt::format(R"(up {{"id":3,"method":"A.b"{}}})", on(kChild))});
}

TEST_CASE("mux: bad envelopes are answered here and never reach the runtime") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  CHECK(bench.from(kAnn, R"({"id":5})") ==
        Lines{R"(c1 {"id":5,"error":{"code":-32600,)"
              R"("message":"Message must have string 'method' property"}})"});
  CHECK(bench.from(kAnn, "[]") ==
        Lines{R"(c1 {"error":{"code":-32600,"message":"Message must be an object"}})"});
  CHECK(
      bench.from(kAnn, fmt::format(R"({{"id":5,"method":"A.b","x":1{}}})", on(kAnnRoot))).size() ==
      1);
  CHECK(bench.mux.counts().refused == 3);
  CHECK(bench.mux.counts().commands == 0);
}

TEST_CASE("mux: the child of an attach event is known before its owner hears of it") {
  // A client that answers from within the event finds its session ready.
  struct Eager final : MuxOut {
    void to_upstream(Spliced const& message) override { up.push_back(message.text()); }
    void to_client(ClientId, Spliced const& message) override {
      if (message.text().find("attachedToTarget") != std::string::npos)
        sessions_then = mux->sessions();
    }
    void client_leaves(ClientId) override {}
    void target_gone(ClientId) override {}
    Mux* mux = nullptr;
    std::size_t sessions_then = 0;
    Lines up;
  } out;
  Mux mux(out);
  out.mux = &mux;
  mux.join(kAnn, "", [](Mux::Answer const&) {});
  mux.from_upstream(fmt::format(R"({{"id":1,"result":{{"sessionId":"{}"}}}})", kAnnRoot));
  mux.from_upstream(attached_event(kAnnRoot, kChild));
  CHECK(out.sessions_then == 2);
}

TEST_CASE("mux: a detach takes the whole subtree and its commands with it") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  bench.grow_ann();
  (void)bench.from(kAnn, fmt::format(R"({{"id":5,"method":"A.b"{}}})", on(kGrandchild)));
  (void)bench.from(kAnn, fmt::format(R"({{"id":6,"method":"A.b"{}}})", on(kChild)));
  (void)bench.from(kAnn, R"({"id":7,"method":"A.b"})");
  CHECK(bench.mux.pending() == 3);

  auto const gone = detached_event(kAnnRoot, kChild);
  CHECK(bench.up(gone) == Lines{"c1 " + detached_event("", kChild)});
  CHECK(bench.mux.sessions() == 1);
  CHECK(bench.mux.pending() == 1);
  // Chrome still sends late frames for the dying subtree.
  CHECK(bench.up(fmt::format(R"({{"id":2,"result":{{}}{}}})", on(kGrandchild))).empty());
  CHECK(bench.up(fmt::format(R"({{"method":"Inspector.detached","params":{{}}{}}})", on(kChild)))
            .empty());
  CHECK(bench.mux.counts().orphans == 2);
  CHECK(
      bench.from(kAnn, fmt::format(R"({{"id":8,"method":"A.b"{}}})", on(kChild))) ==
      Lines{R"(c1 {"id":8,"error":{"code":-32001,"message":"Session with given id not found."}})"});
  CHECK(bench.up(R"({"id":4,"result":{}})") == Lines{R"(c1 {"id":7,"result":{}})"});
}

TEST_CASE("mux: a command right behind a detach is refused, as Chrome does it, and once") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  (void)bench.from(kAnn, R"({"id":5,"method":"Target.detachFromTarget","params":{}})");
  (void)bench.from(kAnn, fmt::format(R"({{"id":6,"method":"A.b"{}}})", on(kChild)));
  (void)bench.up(detached_event(kAnnRoot, kChild));
  constexpr std::string_view kRefusal =
      R"({"id":4,"error":{"code":-32001,"message":"Session with given id not found."}})";
  CHECK(
      bench.up(kRefusal) ==
      Lines{R"(c1 {"id":6,"error":{"code":-32001,"message":"Session with given id not found."}})"});
  CHECK(bench.up(kRefusal).empty());
  CHECK(bench.mux.counts().orphans == 1);
}

TEST_CASE("mux: a refusal behind a detach finds nobody when its client has left") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  (void)bench.from(kAnn, fmt::format(R"({{"id":6,"method":"A.b"{}}})", on(kChild)));
  bench.mux.leave(kAnn);
  (void)bench.take();
  CHECK(bench.up(R"({"id":3,"error":{"code":-32001,"message":"x"}})").empty());
}

TEST_CASE("mux: a nested detach is heard on the session that named it") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  bench.grow_ann();
  auto const gone = detached_event(kChild, kGrandchild);
  CHECK(bench.up(gone) == Lines{"c1 " + gone});
  CHECK(bench.mux.sessions() == 2);
}

TEST_CASE("mux: a detach event cannot name a session of another client") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  CHECK(bench.up(detached_event(kBobRoot, kChild)) == Lines{"c2 " + detached_event("", kChild)});
  CHECK(bench.up(detached_event(kBobRoot, kAnnRoot)).size() == 1);
  CHECK(bench.mux.sessions() == 4);
}

TEST_CASE("mux: a nested browser session is an ordinary child") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  (void)bench.from(kAnn, R"({"id":1,"method":"Target.attachToBrowserTarget"})");
  CHECK(bench.up(attached_event(kAnnRoot, kChild)) == Lines{"c1 " + attached_event("", kChild)});
  CHECK(bench.up(
            fmt::format(R"({{"id":2,"result":{{"sessionId":"{}"}}{}}})", kChild, on(kAnnRoot))) ==
        Lines{fmt::format(R"(c1 {{"id":1,"result":{{"sessionId":"{}"}}}})", kChild)});
  CHECK(bench.from(kAnn, fmt::format(R"({{"id":2,"method":"Browser.close"{}}})", on(kChild))) ==
        Lines{fmt::format(R"(c1 {{"id":2,"result":{{}}{}}})", on(kChild)), "c1 leaves"});
}

TEST_CASE("mux: who leaves is detached and forgotten, the others stay") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  (void)bench.from(kAnn, fmt::format(R"({{"id":5,"method":"A.b"{}}})", on(kChild)));
  (void)bench.from(kBob, R"({"id":5,"method":"A.b"})");
  bench.mux.leave(kAnn);
  auto const up = bench.take();
  CHECK(up ==
        Lines{fmt::format(
            R"(up {{"id":5,"method":"Target.detachFromTarget","params":{{"sessionId":"{}"}}}})",
            kAnnRoot)});
  CHECK(bench.mux.sessions() == 1);
  CHECK(bench.mux.clients() == 1);
  CHECK(bench.up(detached_event("", kAnnRoot)).empty());
  bench.answer(up, R"("result":{})");
  CHECK(bench.take().empty());
  CHECK(bench.up(fmt::format(R"({{"id":3,"result":{{}}{}}})", on(kChild))).empty());
  CHECK(bench.mux.counts().orphans == 1);
  CHECK(bench.from(kAnn, R"({"id":6,"method":"A.b"})").empty());
  CHECK(bench.up(R"({"id":4,"result":{}})") == Lines{R"(c2 {"id":5,"result":{}})"});
  CHECK(bench.mux.pending() == 0);
  bench.mux.leave(kAnn);
  CHECK(bench.take().empty());
}

TEST_CASE("mux: a client that leaves before its attach reply leaves nothing behind") {
  Bench bench;
  bool called = false;
  bench.mux.join(kAnn, "", [&](Mux::Answer const&) { called = true; });
  auto const attach = bench.take();
  bench.mux.leave(kAnn);
  CHECK(bench.take().empty());
  (void)bench.up(attached_event("", kAnnRoot));
  bench.answer(attach, fmt::format(R"("result":{{"sessionId":"{}"}})", kAnnRoot));
  CHECK_FALSE(called);
  auto const detach = bench.take();
  CHECK(detach ==
        Lines{fmt::format(
            R"(up {{"id":2,"method":"Target.detachFromTarget","params":{{"sessionId":"{}"}}}})",
            kAnnRoot)});
  CHECK(bench.mux.sessions() == 0);
  bench.answer(detach, R"("result":{})");
  CHECK(bench.mux.pending() == 0);
  CHECK(bench.mux.clients() == 0);
}

TEST_CASE("mux: a client that leaves before a failed attach leaves nothing behind either") {
  Bench bench;
  bench.mux.join(kAnn, "T", [](Mux::Answer const&) { FAIL("nobody is there"); });
  auto const attach = bench.take();
  bench.mux.leave(kAnn);
  bench.answer(attach, R"("error":{"code":-32602,"message":"No target with given id found"})");
  CHECK(bench.take().empty());
  CHECK(bench.mux.pending() == 0);
}

TEST_CASE("mux: frames of a client that has not joined are not routed") {
  Bench bench;
  bench.mux.join(kAnn, "", [](Mux::Answer const&) {});
  (void)bench.take();
  CHECK(bench.from(kAnn, R"({"id":1,"method":"A.b"})").empty());
  CHECK(bench.from(kBob, R"({"id":1,"method":"A.b"})").empty());
}

TEST_CASE("mux: when a page goes, its client gets Chrome's last event and the end") {
  Bench bench;
  bench.join(kAnn, kAnnRoot, "T");
  bench.join(kBob, kBobRoot, "T");
  (void)bench.from(kAnn, R"({"id":1,"method":"A.b"})");
  CHECK(bench.up(detached_event("", kAnnRoot)) ==
        Lines{R"(c1 {"method":"Inspector.detached","params":{"reason":"target_closed"}})",
              "c1 gone"});
  CHECK(bench.mux.sessions() == 1);
  CHECK(bench.mux.pending() == 0);
  // Its frames have nowhere to go, and leaving detaches nothing.
  CHECK(bench.from(kAnn, R"({"id":2,"method":"A.b"})").empty());
  CHECK(bench.up(detached_event("", kAnnRoot)).empty());
  bench.mux.leave(kAnn);
  CHECK(bench.take().empty());
  CHECK(bench.mux.clients() == 1);
}

TEST_CASE("mux: a browser client whose root goes is ended without a page's last event") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  CHECK(bench.up(detached_event("", kAnnRoot)) == Lines{"c1 gone"});
}

TEST_CASE("mux: Browser.close lets the client leave and the runtime live, on every session") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  bench.grow_ann();
  CHECK(bench.from(kAnn, R"({"id":5,"method":"Browser.close"})") ==
        Lines{R"(c1 {"id":5,"result":{}})", "c1 leaves"});
  CHECK(bench.from(kAnn, R"({"method":"Browser\u002eclose","id":6})") ==
        Lines{R"(c1 {"id":6,"result":{}})", "c1 leaves"});
  CHECK(
      bench.from(kAnn, fmt::format(R"({{"id":7,"method":"Browser.close"{}}})", on(kGrandchild))) ==
      Lines{fmt::format(R"(c1 {{"id":7,"result":{{}}{}}})", on(kGrandchild)), "c1 leaves"});
  // On a session that is not there it is an error like any other command's.
  CHECK(
      bench.from(kAnn, R"({"id":8,"method":"Browser.close","sessionId":"X"})") ==
      Lines{R"(c1 {"id":8,"error":{"code":-32001,"message":"Session with given id not found."}})"});
}

TEST_CASE("mux: what would end or expose the browser is refused, on every session") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  bench.grow_ann();
  for (std::string_view const method : {"Browser.crash", "Browser.crashGpuProcess",
                                        "Target.exposeDevToolsProtocol", "Browser\\u002ecrash"}) {
    CAPTURE(method);
    CHECK(bench.from(kAnn, fmt::format(R"({{"id":5,"method":"{}"}})", method)) ==
          Lines{R"(c1 {"id":5,"error":{"code":-32000,"message":"Not allowed"}})"});
    CHECK(bench.from(kAnn, fmt::format(R"({{"id":5,"method":"{}"{}}})", method, on(kChild))) ==
          Lines{fmt::format(R"(c1 {{"id":5,"error":{{"code":-32000,"message":"Not allowed"}}{}}})",
                            on(kChild))});
  }
  CHECK(bench.mux.counts().refused == 8);
}

TEST_CASE("mux: nothing forbidden is smuggled in by Target.sendMessageToTarget") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  auto const send = [&](std::string_view message) {
    return bench.from(
        kAnn,
        fmt::format(R"({{"id":5,"method":"Target.sendMessageToTarget","params":{{"sessionId":"S",)"
                    R"("message":{}}}}})",
                    message));
  };
  auto const refused = Lines{R"(c1 {"id":5,"error":{"code":-32000,"message":"Not allowed"}})"};
  CHECK(send(R"("{\"id\":1,\"method\":\"Browser.close\"}")") == refused);
  CHECK(send(R"("{\"id\":1,\"method\":\"Browser\\u002eclose\"}")") == refused);
  CHECK(send(R"("{\"id\":1,\"method\":\"\u0042rowser.close\"}")") == refused);
  CHECK(send(R"("{\"id\":1,\"method\":\"Target.exposeDevToolsProtocol\"}")") == refused);
  CHECK(send(R"("{}","message":"{\"id\":1,\"method\":\"Browser.close\"}")") == refused);
  auto const harmless = send(R"("{\"id\":1,\"method\":\"Page.enable\"}")");
  REQUIRE(harmless.size() == 1);
  CHECK(harmless[0].starts_with("up "));
  // Escaped outer name.
  CHECK(bench.from(
            kAnn,
            R"({"id":5,"method":"Target\u002esendMessageToTarget","params":{"message":"{\"id\":1,)"
            R"(\"method\":\"Browser.close\"}"}})") == refused);
}

TEST_CASE("mux: activation moves a target to the front of the list") {
  Bench bench;
  bench.join(kAnn, kAnnRoot);
  for (std::string_view const id : {"t1", "t2", "t3"})
    bench.mux.from_upstream(fmt::format(
        R"({{"method":"Target.targetCreated","params":{{"targetInfo":{{"targetId":"{}",)"
        R"("type":"page"}}}}}})",
        id));
  bench.mux.from_upstream(attached_event(kAnnRoot, kChild, "t2"));
  (void)bench.take();
  auto const first = [&] {
    return nlohmann::json::parse(bench.mux.discovery().list_json("h", false))
        .at(0)
        .at("id")
        .get<std::string>();
  };
  CHECK(first() == "t3");
  CHECK(bench.from(kAnn, R"({"id":1,"method":"Target.activateTarget","params":{"targetId":"t1"}})")
            .size() == 1);
  CHECK(first() == "t1");
  CHECK(bench.from(kAnn, fmt::format(R"({{"id":1,"method":"Page.bringToFront"{}}})", on(kChild)))
            .size() == 1);
  CHECK(first() == "t2");
  CHECK(bench.from(kAnn, R"({"id":1,"method":"Page.bringToFront"})").size() == 1);
  CHECK(first() == "t2");
}

TEST_CASE("mux: a lost runtime answers each command once and each call of ours") {
  Bench bench;
  bench.join_two();
  bench.grow_ann();
  (void)bench.from(kAnn, R"({"id":1,"method":"A.b"})");
  (void)bench.from(kAnn, fmt::format(R"({{"id":2,"method":"A.b"{}}})", on(kChild)));
  (void)bench.from(kBob, R"({"id":1,"method":"A.b"})");
  std::string call_error;
  std::string join_error;
  bench.mux.call("A.b", "{}", [&](Mux::Answer const& answer) { call_error = answer.error; });
  bench.mux.join(ClientId{3}, "", [&](Mux::Answer const& answer) { join_error = answer.error; });
  (void)bench.take();
  bench.mux.lose_upstream();
  auto lines = bench.take();
  std::sort(lines.begin(), lines.end());
  auto const error = R"("error":{"code":-32000,"message":"Inspected target navigated or closed"})";
  CHECK(lines == Lines{fmt::format(R"(c1 {{"id":1,{}}})", error),
                       fmt::format(R"(c1 {{"id":2,{}{}}})", error, on(kChild)),
                       fmt::format(R"(c2 {{"id":1,{}}})", error)});
  CHECK(call_error == "the connection to the runtime was lost");
  CHECK(join_error == call_error);
  CHECK(bench.mux.pending() == 0);
  bench.mux.lose_upstream();
  CHECK(bench.take().empty());
}

TEST_CASE("mux: a caller that tries again when the runtime is lost breaks nothing") {
  Bench bench;
  int lost = 0;
  // Enough of them for the table of commands in flight to grow while it is being emptied.
  for (int i = 0; i < 31; ++i)
    bench.mux.call("A.b", "{}", [&](Mux::Answer const&) {
      ++lost;
      for (int k = 0; k < 40; ++k) bench.mux.call("A.c", "{}", [&](Mux::Answer const&) { ++lost; });
    });
  bench.mux.lose_upstream();
  CHECK(lost >= 31);
  bench.mux.lose_upstream();
  CHECK(lost == 31 + 31 * 40);
  CHECK(bench.mux.pending() == 0);
}

TEST_CASE("mux: a call's answer may lead to another call") {
  Bench bench;
  std::string seen;
  bench.mux.call("A.b", R"({"x":1})", [&](Mux::Answer const& first) {
    seen += first.result;
    bench.mux.call("C.d", "{}", [&](Mux::Answer const& second) { seen += second.error; });
  });
  bench.answer(bench.take(), R"("result":{"y":2})");
  bench.answer(bench.take(), R"("error":{"code":1,"message":"no \u0041"})");
  CHECK(seen == R"({"y":2}no A)");
  bench.mux.call("E.f", "{}", [&](Mux::Answer const& answer) { seen = answer.error; });
  bench.answer(bench.take(), R"("error":{"code":1})");
  CHECK(seen == "the runtime refused without a reason");
}

TEST_CASE("mux: ids go round at the end of int32 and skip what is still in flight") {
  constexpr auto kMax = std::numeric_limits<std::int32_t>::max();
  Bench bench(kMax - 1);
  bench.join(kAnn, kAnnRoot);  // takes kMax - 1
  auto const id_sent = [&] {
    auto const up = bench.from(kAnn, R"({"id":1,"method":"A.b"})");
    return nlohmann::json::parse(up.at(0).substr(3)).at("id").get<std::int64_t>();
  };
  CHECK(id_sent() == kMax);
  CHECK(id_sent() == 1);
  CHECK(id_sent() == 2);
  CHECK(bench.up(fmt::format(R"({{"id":{},"result":{{}}}})", kMax)) ==
        Lines{R"(c1 {"id":1,"result":{}})"});
  CHECK(bench.mux.pending() == 2);
}

TEST_CASE("mux: clients that come and go in a hurry leave no entry") {
  Bench bench;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    bench.mux.join(ClientId{i}, i % 3 == 0 ? "T" : "", [](Mux::Answer const&) {});
    auto const attach = bench.take();
    bool const at_once = i % 2 == 0;
    if (at_once) bench.mux.leave(ClientId{i});
    bench.answer(attach, fmt::format(R"("result":{{"sessionId":"S{}"}})", i));
    if (!at_once) bench.mux.leave(ClientId{i});
    bench.answer(bench.take(), R"("result":{})");
  }
  CHECK(bench.mux.sessions() == 0);
  CHECK(bench.mux.pending() == 0);
  CHECK(bench.mux.clients() == 0);
  CHECK(bench.mux.counts().orphans == 0);
}

}  // namespace bridge::cdp
