#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/fakes/cdp_events.hpp"
#include "tests/fakes/mux_record.hpp"

// Replies that pass through in pieces.

namespace bridge::cdp {
namespace {

using Json = nlohmann::json;
using Lines = std::vector<std::string>;
using test::on;

constexpr ClientId kAnn{1};
constexpr std::string_view kRoot = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr std::string_view kChild = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC";
constexpr std::size_t kHead = 128;
constexpr auto kGone = "Inspected target navigated or closed";

/// A client with a child session below its root.
struct Bench {
  explicit Bench(bool survives = false) : mux(record, {1, survives}) {
    mux.join(kAnn, "", [](Mux::Answer const&) {});
    mux.from_upstream(test::attached_event("", kRoot));
    mux.from_upstream(fmt::format(R"({{"id":{},"result":{{"sessionId":"{}"}}}})", sent(), kRoot));
    mux.from_upstream(test::attached_event(kRoot, kChild));
    (void)record.take();
  }

  /// The id of the last command that went up.
  int sent() {
    auto const lines = record.take();
    REQUIRE_FALSE(lines.empty());
    return Json::parse(lines.back().substr(3)).at("id").get<int>();
  }
  /// Asks on the root, or on `session`; the reply that the runtime will send.
  std::string ask(std::string_view session, std::string const& data,
                  std::string_view method = "Test.do") {
    mux.from_client(kAnn, fmt::format(R"({{"id":77,"method":"{}"{}}})", method, on(session)));
    auto const wire = session.empty() ? kRoot : session;
    return fmt::format(R"({{"id":{},"result":{{"data":"{}"}}{}}})", sent(), data, on(wire));
  }
  bool pass(std::string_view reply, std::size_t step, std::size_t until = std::string::npos) {
    if (!mux.begin_pieces(reply.size(), reply.substr(0, kHead))) return false;
    until = std::min(until, reply.size());
    for (std::size_t at = 0; at < until;) {
      auto const size = std::min(at == 0 ? kHead : step, until - at);
      mux.take_piece(reply.substr(at, size), at + size == reply.size());
      at += size;
    }
    return true;
  }
  /// What the client got, and nothing else was said.
  Json only_answer() {
    auto const lines = record.take();
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0].starts_with("c1 "));
    return Json::parse(lines[0].substr(3));
  }

  test::MuxRecord record;
  Mux mux;
};

}  // namespace

TEST_CASE("mux pieces: the client gets what it would have got in one") {
  for (std::string_view const session : {std::string_view(), kChild}) {
    for (std::size_t const size : {200, 1000, 1100, 5000, 70'000}) {
      for (std::size_t const step : {1, 100, 1024, 65'536}) {
        Bench whole;
        whole.mux.from_upstream(whole.ask(session, std::string(size, 'x')));
        Bench pieces;
        REQUIRE(pieces.pass(pieces.ask(session, std::string(size, 'x')), step));
        CHECK(pieces.record.take() == whole.record.take());
        CHECK(pieces.mux.pending() == 0);
        CHECK(pieces.mux.counts().replies == whole.mux.counts().replies);
      }
    }
  }
}

TEST_CASE("mux pieces: a loss on the way makes it the error of a lost command, once") {
  for (std::string_view const session : {std::string_view(), kChild}) {
    for (std::size_t const until : {128, 1000, 1151, 1152, 1153, 2000, 2990, 3000}) {
      for (bool const survives : {false, true}) {
        Bench bench(survives);
        auto const reply = bench.ask(session, std::string(3000, '\\') + "n");
        REQUIRE(bench.pass(reply, 500, until));
        CHECK(bench.mux.in_flight() == 1);
        survives ? bench.mux.suspend() : bench.mux.lose_upstream();
        auto const answer = bench.only_answer();
        CHECK(answer.at("id") == 77);
        CHECK(answer.at("error").at("message") == kGone);
        CHECK(answer.value("sessionId", std::string()) == session);
        CHECK(bench.mux.counts().lost == 1);
        bench.mux.take_piece("more of it", true);  // may still come
        CHECK(bench.record.take().empty());
      }
    }
  }
}

TEST_CASE("mux pieces: what has to be looked at is stored, as is what fits no reply") {
  Bench bench(true);
  auto const ours = R"({"id":9999,"result":{"data":")" + std::string(300, 'x');
  CHECK_FALSE(bench.mux.begin_pieces(70'000, ours));
  auto const event = R"({"method":"Page.event","params":{"data":")" + std::string(300, 'x');
  CHECK_FALSE(bench.mux.begin_pieces(70'000, event));
  auto const reply = bench.ask(kChild, std::string(300, 'x'));
  auto const error = R"({"id":3,"error":{"message":")" + std::string(300, 'x');
  CHECK_FALSE(bench.mux.begin_pieces(70'000, error));
  CHECK(bench.pass(reply, 100));
  // A state command: its answer decides whether it is remembered.
  CHECK_FALSE(bench.pass(bench.ask(kChild, std::string(300, 'x'), "Network.enable"), 100));
}

TEST_CASE("mux pieces: what can be asked for again is stored as long as it is not too long") {
  Bench bench(true);
  auto const reply = bench.ask(kChild, std::string(300, 'x'), "Page.captureScreenshot");
  CHECK_FALSE(bench.mux.begin_pieces(4ULL << 20, reply.substr(0, kHead)));
  CHECK(bench.mux.begin_pieces((4ULL << 20) + 1, reply.substr(0, kHead)));
}

TEST_CASE("mux pieces: a client that leaves, or has no room, gets no more of it") {
  Bench bench;
  auto const reply = bench.ask("", std::string(5000, 'x'));
  SUBCASE("it leaves") {
    REQUIRE(bench.pass(reply, 500, 2000));
    bench.mux.leave(kAnn);
    (void)bench.record.take();
    bench.mux.take_piece(reply.substr(2000), true);
  }
  SUBCASE("it has no room") {
    bench.record.full = true;
    REQUIRE(bench.pass(reply, 500));
  }
  CHECK(bench.record.take().empty());
  CHECK(bench.mux.counts().lost == 0);
}

TEST_CASE("mux pieces: an end that Chrome does not write makes it an error") {
  Bench bench;
  auto reply = bench.ask("", std::string(5000, 'x'));
  reply[reply.size() - 3] = 'Z';
  REQUIRE(bench.pass(reply, 500));
  CHECK(bench.only_answer().at("error").at("message") == kGone);
  CHECK(bench.mux.counts().garbage == 1);
}

TEST_CASE("mux pieces: too deep to be ended, the connection of its client is given up") {
  Bench bench;
  auto const reply = bench.ask("", "\"," + std::string("\"a\":") + std::string(3000, '['));
  REQUIRE(bench.pass(reply, 500, 2500));
  bench.mux.lose_upstream();
  CHECK(bench.record.take() == Lines{"c1 broken off"});
}

}  // namespace bridge::cdp
