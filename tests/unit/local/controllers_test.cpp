#include <doctest/doctest.h>

#include "backend_fixture.hpp"
#include "fake_page.hpp"

using namespace bridge;
using namespace bridge::test;

namespace {

/// One who drives, or tries to: over connectUrl, by an invocation, or at a viewer.
class Driver {
 public:
  Driver(Scene& scene, json const& started)
      : scene_(scene),
        runtime_(started.at("runtimeId")),
        run_(started.at("runId")),
        connect_url_(started.at("connectUrl")),
        controller_(scene.loop) {}

  /// Null when it drives now, else who keeps it from that: {holder, since}.
  awaitable<json> begin(std::string kind) {
    kind_ = kind;
    if (kind == "cdp") co_return co_await begin_cdp();
    if (kind == "human") co_return co_await begin_human();
    co_return co_await begin_invocation();
  }

  awaitable<void> end() {
    if (kind_ == "invocation") {
      auto cancel = invocations() + "/" + invocation_ + "/cancel";
      auto wait = invocations() + "/" + invocation_ + "/wait";
      co_await scene_.api.send("POST", std::move(cancel));
      co_await scene_.api.send("POST", std::move(wait), R"({"timeoutSeconds":60})");
    }
    co_await controller_.leave();
  }

 private:
  [[nodiscard]] std::string invocations() const {
    return "/v1/runtimes/" + runtime_ + "/invocations";
  }
  static json busy(json const& body) {
    CHECK(body.at("code") == "runtime.controller_busy");
    return body.at("details");
  }

  awaitable<json> begin_cdp() {
    auto const refused = co_await controller_.attach(connect_url_);
    if (!refused) co_return json();
    CHECK(refused->status == 409);
    auto const body = json::parse(refused->body);
    CHECK(busy(body).at("runId") == run_);
    co_return busy(body);
  }

  awaitable<json> begin_invocation() {
    auto target = invocations();
    auto const reply =
        co_await scene_.api.send("POST", std::move(target), R"({"action":"extract"})");
    if (reply.status == 202) {
      invocation_ = reply.body.at("id");
      co_return json();
    }
    CHECK(reply.status == 409);
    CHECK(busy(reply.body).at("runId") == run_);
    co_return busy(reply.body);
  }

  awaitable<json> begin_human() {
    if (!watching_) {
      auto target = "/v1/runs/" + run_ + "/live";
      auto const lease = co_await scene_.api.get("RunLiveResponse", "POST", std::move(target),
                                                 R"({"control":"input"})");
      auto const address = lease.at("url").get<std::string>();
      auto socket = "ws" + address.substr(4) + "socket";
      auto const refused = co_await controller_.attach(std::move(socket));
      REQUIRE_FALSE(refused.has_value());
      watching_ = true;
    }
    for (;;) {
      // Other news of the viewer may come first.
      auto const text = co_await controller_.ask(R"({"type":"take"})");
      if (text.empty()) continue;
      auto message = json::parse(text);
      if (message.at("type") != "control") continue;
      if (message.at("held") == true) co_return json();
      co_return message;
    }
  }

  Scene& scene_;
  std::string runtime_;
  std::string run_;
  std::string connect_url_;
  Controller controller_;
  std::string kind_;
  std::string invocation_;
  bool watching_ = false;
};

void matrix(bool concurrent) {
  Fake fake;
  FakePage page(fake.devtools);
  page.silent = {"Page.getFrameTree"};  // so that an invocation lasts
  local::BackendOptions options;
  options.concurrent = concurrent;
  auto const whole = [&](Scene& scene) -> awaitable<void> {
    auto const id = co_await scene.api.create();
    auto const started = co_await scene.api.start(id);
    for (std::string const holder : {"cdp", "invocation", "human"})
      for (std::string const newcomer : {"cdp", "invocation", "human"}) {
        CAPTURE(holder);
        CAPTURE(newcomer);
        Driver first(scene, started);
        auto const free = co_await first.begin(holder);
        CHECK(free.is_null());
        Driver second(scene, started);
        auto refusal = co_await second.begin(newcomer);
        CHECK(refusal.is_null() == concurrent);
        if (!refusal.is_null()) {
          CHECK(refusal.at("holder") == holder);
          CHECK(refusal.contains("since"));
        }
        co_await first.end();
        // Free as soon as the holder has ended; the end of a socket takes a moment to get through.
        while (!refusal.is_null()) {
          refusal = co_await second.begin(newcomer);
          CHECK((refusal.is_null() || holder != "invocation"));
          co_await net::sleep_for(2ms);
        }
        co_await second.end();
        // Nobody is left to be in the next pair's way.
        Driver third(scene, started);
        auto left = co_await third.begin("invocation");
        while (!left.is_null()) {
          co_await net::sleep_for(2ms);
          left = co_await third.begin("invocation");
        }
        co_await third.end();
      }
  };
  fake.run(std::move(options), whole);
}

}  // namespace

TEST_CASE("controllers: whoever drives keeps everybody else out, until it ends") {
  matrix(false);
}

TEST_CASE("controllers: where it is configured so, they drive side by side") {
  matrix(true);
}
