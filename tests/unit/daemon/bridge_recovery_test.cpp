#include <nlohmann/json.hpp>

#include "daemon/owner_tag.hpp"
#include "tests/unit/daemon/bench.hpp"
#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;
using test::Bench;

namespace {

/// A state directory in which a killed daemon has left something.
struct Left {
  net::Loop loop;
  test::TemporaryDirectory directory;

  void note(Happening what) {
    auto record = CrashRecord::open(loop, directory.path().string());
    REQUIRE(record.has_value());
    what.bridge = "main";
    REQUIRE(test::finish(loop, (*record)->note(std::move(what))).has_value());
  }
  void note_address() {
    Happening address;
    address.port = 9411;
    address.text = "/devtools/browser/before";
    note(address);
  }
  void note_run(std::string run) {
    Happening started;
    started.kind = Happening::Kind::started;
    started.runtime = RuntimeId("rt_1");
    started.run = RunId(std::move(run));
    started.ours = true;
    note(started);
  }
};

void keep_record(Bench& bench, Left const& left) {
  auto record = CrashRecord::open(bench.loop, left.directory.path().string());
  REQUIRE(record.has_value());
  bench.record = std::move(*record);
  bench.bridge.keep_record(*bench.record, 0s);
}

}  // namespace

TEST_CASE("bridge: a run that a killed daemon has left is taken over, at the same address") {
  Left left;
  left.note_address();
  left.note_run("run_1");
  Bench bench;
  keep_record(bench, left);
  bench.platform.open_run(bench.platform.add_runtime("main"));
  CHECK(bench.bridge.browser_path() == "/devtools/browser/before");
  bench.bridge.begin_recovery();
  CHECK(bench.bridge.state() == BridgeState::waking);
  bench.join();  // waits for it
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK(bench.bridge.status().started_here);
  CHECK(bench.platform.start_keys.empty());
  CHECK(bench.shut_down() == "runtime rt_1 stopped");
  CHECK(bench.record->holdings().all().empty());
}

TEST_CASE("bridge: a run that is over meanwhile starts no other one, but for a client") {
  Left left;
  left.note_run("run_1");
  Bench bench;
  keep_record(bench, left);
  bench.platform.add_runtime("main");
  bool const waits = [] {
    bool with = false;
    SUBCASE("nobody waits") {
      with = false;
    }
    SUBCASE("a client waits") {
      with = true;
    }
    return with;
  }();
  bench.bridge.begin_recovery();
  if (waits) {
    bench.join();
    CHECK(bench.platform.start_keys.size() == 1);
  } else {
    bench.until_state(BridgeState::cold);
    CHECK(bench.bridge.status().reason == "the run that a killed daemon has left is over");
    CHECK(bench.platform.start_keys.empty());
    CHECK(bench.record->holdings().of("main").run.empty());
  }
}

TEST_CASE("bridge: it waits for the platform before it gives up a run that may be open") {
  Left left;
  left.note_run("run_1");
  Bench bench;
  keep_record(bench, left);
  bench.platform.open_run(bench.platform.add_runtime("main"));
  for (int i = 0; i < 3; ++i) bench.platform.fail_next("get", 0, "network.error");
  bench.bridge.begin_recovery();
  bench.until_state(BridgeState::live);
  CHECK(bench.platform.count("get rt_1") == 4);
}

TEST_CASE("bridge: a run that was being ended when the daemon was killed is followed to its end") {
  Left left;
  left.note_run("run_1");
  Bench bench(test::bridge_config(), test::quick());
  keep_record(bench, left);
  auto const runtime = bench.platform.add_runtime("main");
  bench.platform.open_run(runtime);
  bench.platform.connect_url.clear();
  bench.bridge.begin_recovery();
  bench.until("it looks again", [&] { return bench.platform.count("get rt_1") >= 3; });
  CHECK(bench.bridge.state() == BridgeState::waking);
  SUBCASE("it ends") {
    bench.platform.end_run(runtime);
    bench.until_state(BridgeState::cold);
    CHECK(bench.bridge.status().run.empty());
  }
  SUBCASE("it has an address after all") {
    bench.platform.connect_url = bench.upstream.url();
    bench.until_state(BridgeState::live);
  }
}

TEST_CASE("bridge: told to stop while it waits for the platform, it stops what was left") {
  Left left;
  left.note_run("run_1");
  Bench bench;
  keep_record(bench, left);
  auto const id = bench.platform.add_runtime("main");
  bench.platform.open_run(id);
  bench.platform.fail_next("get", 0, "network.error");
  bench.bridge.begin_recovery();
  bench.until("it has asked", [&] { return bench.platform.count("get rt_1") == 1; });
  CHECK(bench.shut_down() == "runtime rt_1 stopped");
  CHECK_FALSE(bench.platform.active(id));
}

TEST_CASE("bridge: what has not ended cleanly stays in the record") {
  Left left;
  left.note_address();
  Bench bench;
  keep_record(bench, left);
  bench.join();
  bench.platform.fail_next("stop", 503, "api.unavailable");
  CHECK(bench.shut_down().find("MAY STILL RUN") != std::string::npos);
  CHECK(bench.record->holdings().of("main").run == RunId("run_1"));
  CHECK(bench.record->holdings().of("main").port == 9411);
}

TEST_CASE("bridge: a connection that does not answer a probe is given up") {
  Bridge::Timing timing;
  timing.probe = 50ms;
  Bench bench(test::bridge_config(), timing);
  bench.join();
  log::Capture log;
  bench.bridge.probe();
  bench.until("the probe was answered",
              [until = Clock::now() + 150ms] { return Clock::now() >= until; });
  CHECK(bench.bridge.state() == BridgeState::live);
  CHECK_FALSE(log.contains("does not answer a probe"));
  bench.upstream.read(false);
  bench.bridge.probe();  // what the fake was about to read, it still reads
  test::finish(bench.loop, net::sleep_for(100ms));
  bench.bridge.probe();
  bench.until("it is given up", [&] { return bench.bridge.state() != BridgeState::live; });
  CHECK(log.contains("does not answer a probe"));
  bench.upstream.read(true);
}

TEST_CASE("bridge: what a user has released stays released when the daemon is killed") {
  Left left;
  left.note_run("run_1");
  Happening released;
  released.kind = Happening::Kind::released;
  auto const in = [](int seconds) {
    auto const at = std::chrono::system_clock::now().time_since_epoch() + 1s * seconds;
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(at).count());
  };
  Bench bench;
  bench.platform.open_run(bench.platform.add_runtime("main"));
  SUBCASE("until acquire") {
    released.text = "acquire";
    left.note(released);
    keep_record(bench, left);
    bench.bridge.begin_recovery();
    test::settle(bench.loop);
    CHECK(bench.bridge.status().state == BridgeState::released);
    CHECK(bench.upstream.dials() == 0);
    CHECK(bench.bridge.holds(RuntimeId("rt_1")));
    CHECK(bench.acquire().has_value());
    bench.until_state(BridgeState::live);
    CHECK(bench.bridge.status().run == RunId("run_1"));
    CHECK(bench.record->holdings().of("main").released.empty());
  }
  SUBCASE("for a time that is not over") {
    released.text = in(60);
    left.note(released);
    keep_record(bench, left);
    bench.bridge.begin_recovery();
    test::settle(bench.loop);
    CHECK(bench.bridge.status().reason.starts_with("released by the user until "));
  }
  SUBCASE("for a time that is over") {
    released.text = in(-1);
    left.note(released);
    keep_record(bench, left);
    bench.bridge.begin_recovery();
    bench.until_state(BridgeState::live);
  }
}

TEST_CASE("bridge: a release is in the record while it holds") {
  Left left;
  Bench bench(test::bridge_config(), test::quick());
  keep_record(bench, left);
  auto const noted = [&] { return bench.record->holdings().of("main").released; };
  REQUIRE(bench.release().has_value());
  CHECK(noted() == "acquire");
  CHECK(bench.acquire().has_value());
  CHECK(noted().empty());
  REQUIRE(bench.release(50ms).has_value());
  CHECK(std::stoll(noted()) > 1'700'000'000);
  bench.until("its time is over", [&] { return noted().empty(); });
}

TEST_CASE("bridge: on_last_client ends a run of before the crash to which nobody comes back") {
  Left left;
  left.note_run("run_1");
  auto config = test::bridge_config();
  config.on_last_client = config::OnLastClient::stop;
  config.grace = 50ms;
  Bench bench(config, test::quick());
  keep_record(bench, left);
  bench.platform.open_run(bench.platform.add_runtime("main"));
  bench.bridge.begin_recovery();
  bench.until("it is stopped", [&] { return bench.platform.count("stop rt_1") == 1; });
}

TEST_CASE("bridge: what is being ended is not taken over meanwhile") {
  Left left;
  left.note_run("run_1");
  Happening released;
  released.kind = Happening::Kind::released;
  released.text = "acquire";
  left.note(released);
  auto config = test::bridge_config();
  config.max_run = 20ms;
  Bench bench(config, test::quick());
  keep_record(bench, left);
  bench.platform.open_run(bench.platform.add_runtime("main"));
  bench.platform.hold("stop");
  bench.bridge.begin_recovery();
  bench.until("the stop is asked for", [&] { return bench.platform.count("stop rt_1") == 1; });
  bench.begin_acquire();
  test::settle(bench.loop);
  CHECK(bench.platform.count("get rt_1") == 0);
  CHECK(bench.bridge.status().state == BridgeState::closing);
  bench.platform.release("stop");
  bench.join();
  CHECK(bench.bridge.status().run == RunId("run_2"));
}
