#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "fake_browser.hpp"
#include "local/backend.hpp"
#include "net/dial.hpp"
#include "schema.hpp"
#include "tests/fakes/http_script.hpp"
#include "tests/fakes/run.hpp"

namespace bridge::test {

using nlohmann::json;

/// A reply with its body read.
struct Reply {
  unsigned status = 0;
  net::HttpHeaders headers;
  json body;
  [[nodiscard]] std::string code() const { return body.value("code", ""); }
  /// Of a refusal: the field that it blames.
  [[nodiscard]] std::string field() const {
    return body.at("details").at("field").get<std::string>();
  }
};

/// Speaks to a backend as a client of the contract does. Every error body is checked against the
/// contract, and so is every success whose schema is named.
class Api {
 public:
  Api(net::Loop& loop, local::Backend& backend)
      : client_(loop, net::Reach()), root_(net::parse_url(backend.base_url()).value()) {}

  net::HttpHeaders headers{{"Authorization", "Bearer local_test"}};

  awaitable<Reply> send(std::string method, std::string target, std::string body = "") {
    auto url = root_.with_target(std::move(target));
    net::HttpRequest request;
    request.method = std::move(method);
    request.headers = headers;
    request.body = std::move(body);
    auto const got = co_await client_.send(std::move(url), std::move(request), 60s);
    auto const& reply = got.value();
    Reply read;
    read.status = reply.status;
    read.headers = reply.headers;
    read.body = json::parse(reply.body);
    CHECK_FALSE(net::find_header(reply.headers, "x-request-id").empty());
    if (read.status >= 400) {
      CHECK(violation_of("ErrorResponse", read.body) == "");
      CHECK(read.body.at("requestId") == net::find_header(reply.headers, "x-request-id"));
    }
    co_return read;
  }

  /// A reply that is no JSON: a stream, whole.
  awaitable<net::HttpReply> text(std::string target, net::HttpHeaders more = {}) {
    auto url = root_.with_target(std::move(target));
    net::HttpRequest request;
    request.method = "GET";
    request.headers = headers;
    request.headers.insert(request.headers.end(), more.begin(), more.end());
    auto const got = co_await client_.send(std::move(url), std::move(request), 60s);
    co_return got.value();
  }

  /// The body of a success whose shape is `schema`.
  awaitable<json> get(std::string schema, std::string method, std::string target,
                      std::string body = "", unsigned status = 200) {
    auto const reply = co_await send(std::move(method), std::move(target), std::move(body));
    CAPTURE(reply.body.dump());
    CHECK(reply.status == status);
    CHECK(violation_of(schema, reply.body) == "");
    co_return reply.body;
  }

  awaitable<std::string> create(std::string body = "{}") {
    auto const runtime = co_await get("Runtime", "POST", "/v1/runtimes", std::move(body), 201);
    co_return runtime.at("id").get<std::string>();
  }
  awaitable<json> start(std::string id) {
    auto target = "/v1/runtimes/" + id + "/start";
    auto const started = co_await get("RuntimeStartResponse", "POST", std::move(target));
    co_return started;
  }
  awaitable<json> stop(std::string id) {
    auto target = "/v1/runtimes/" + id + "/stop";
    auto const stopped = co_await get("RuntimeStopResponse", "POST", std::move(target));
    co_return stopped;
  }
  /// What /_local/info says of the only active runtime.
  awaitable<json> only_runtime() {
    auto const info = co_await send("GET", "/_local/info");
    REQUIRE(info.body.at("runtimes").size() == 1);
    co_return info.body.at("runtimes").at(0);
  }

 private:
  net::HttpClient client_;
  net::Url root_;
};

/// A controller on a connectUrl: sends text, hears text. leave() before it goes.
class Controller final : private net::WsReceiver {
 public:
  explicit Controller(net::Loop& loop)
      : loop_(loop), heard_something_(loop.executor()), tasks_(loop.executor()) {}

  /// None when the socket is open, else the refusal.
  awaitable<std::optional<net::UpgradeRefused>> attach(std::string connect_url) {
    auto url = net::parse_url(connect_url).value();
    net::Reach const reach;
    net::WsLimits const limits;
    auto dialled = co_await net::dial_ws(loop_, std::move(url), reach, limits, 10s);
    if (auto* const refused = std::get_if<net::UpgradeRefused>(&dialled)) co_return *refused;
    if (auto* const error = std::get_if<Error>(&dialled)) FAIL(error->text());
    ws_ = std::move(std::get<std::unique_ptr<net::WsStream>>(dialled));
    tasks_.spawn("controller", run());
    co_return std::nullopt;
  }
  /// Sends `text` and returns the next message, "" when the socket ended.
  awaitable<std::string> ask(std::string text) {
    heard_.clear();
    REQUIRE(ws_->send(std::string_view(text)));
    co_await heard_something_.wait();
    co_return heard_;
  }
  void ping() { ws_->ping(); }
  /// Ends when the peer has.
  awaitable<void> ended() { return tasks_.join(); }
  awaitable<void> leave() {
    if (ws_) ws_->abort();
    co_await tasks_.join();
  }

 private:
  awaitable<void> run() {
    [[maybe_unused]] auto const end = co_await ws_->run(*this);
    heard_something_.notify();
  }
  void on_message(net::WsOpcode, std::span<char> payload) override {
    heard_.assign(payload.data(), payload.size());
    heard_something_.notify();
  }

  net::Loop& loop_;
  std::unique_ptr<net::WsStream> ws_;
  std::string heard_;
  net::Signal heard_something_;
  net::Tasks tasks_;
};

/// What one test of a backend works with.
struct Scene {
  net::Loop& loop;
  local::Backend& backend;
  Api& api;
};

/// Runs `body(Scene&)` on a backend that lives for it, then `clean_up()`.
template <class Body, class CleanUp>
void with_backend(net::Loop& loop, local::BackendOptions options, Body body, CleanUp clean_up) {
  auto backend = local::Backend::open(loop, std::move(options)).value();
  auto const whole = [](net::Loop& on, local::Backend& it, Body& work,
                        CleanUp& after) -> awaitable<void> {
    auto const started = co_await it.start();
    REQUIRE(started.has_value());
    std::exception_ptr failure;
    try {
      Api api(on, it);
      Scene scene{on, it, api};
      co_await work(scene);
    } catch (...) {
      failure = std::current_exception();  // a failed REQUIRE; the browser must end all the same
    }
    co_await it.stop();
    co_await after();
    if (failure) std::rethrow_exception(failure);
  };
  run(loop, whole(loop, *backend, body, clean_up));
}

/// A fake browser, and the world it needs.
struct Fake {
  net::Loop loop;
  FakeDevtools devtools{loop};
  FakeBrowser browser{devtools};

  /// Runs `body(Scene&)` on a backend over it, or over the browser that the options name.
  template <class Body>
  void run(local::BackendOptions options, Body body) {
    if (options.chromium.empty()) options.chromium = browser.program();
    with_backend(loop, std::move(options), std::move(body), [this] { return devtools.stop(); });
  }
};

template <class Body>
void with_fake(local::BackendOptions options, Body body) {
  Fake fake;
  fake.run(std::move(options), std::move(body));
}

template <class Body>
void with_fake(Body body) {
  with_fake(local::BackendOptions(), std::move(body));
}

/// As with_fake(), for who needs nothing but its API: runs `body(Api&)`.
template <class Body>
void with_api(Body body) {
  with_fake([&](Scene& scene) -> awaitable<void> { return body(scene.api); });
}

/// Runs `body(Api&, HttpScript&)` beside a server outside that the test scripts.
template <class Body>
void with_script(Body body) {
  with_fake([&](Scene& scene) -> awaitable<void> {
    HttpScript outside(scene.loop);
    co_await body(scene.api, outside);
    co_await outside.stop();
  });
}

/// Ends when `holds(info of the only active runtime)` does. The backend says when by itself within
/// milliseconds.
template <class Holds>
awaitable<void> until(Api& api, Holds holds) {
  for (;;) {
    auto const info = co_await api.send("GET", "/_local/info");
    if (holds(info.body.at("runtimes"))) co_return;
    co_await net::sleep_for(2ms);
  }
}

}  // namespace bridge::test
