#include "local/run_stream.hpp"

#include <doctest/doctest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "local/views.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "schema.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::local;
using namespace bridge::test;

namespace {

/// A server that answers everything with the stream of one run.
struct Streaming final : net::HttpHandler {
  net::Loop loop;
  std::unique_ptr<Store> store = Store::open(std::nullopt).value();
  RunFeed feed{loop, *store};
  Run run;
  bool asked = false;
  bool gone = false;  // the last stream's reader has left or has all
  std::function<Json(Event const&)> view = event_view;
  net::HttpServer server{loop, *this, {}, "streaming"};

  Streaming() {
    Runtime runtime;
    runtime.id = RuntimeId{"rt"};
    runtime.space = store->default_space();
    runtime.config = "{}";
    store->add(runtime);
    run.id = RunId{"run"};
    run.runtime = runtime.id;
    run.space = runtime.space;
    store->begin_run(run, event("runtime.lifecycle"));
    server.listen("127.0.0.1", 0).value();
    server.start();
  }
  Event event(std::string type) const {
    Event made;
    made.run = RunId{"run"};
    made.time = now();
    made.type = std::move(type);
    return made;
  }
  void end() {
    run.status = Status::stopped;
    run.finished_at = now();
    store->end_run(run, Status::stopped, event("runtime.lifecycle"));
    feed.tell();
  }
  awaitable<void> handle(net::HttpExchange& exchange) override {
    asked = true;
    RunStream stream;
    stream.run = run.id;
    stream.event = "run.event";
    stream.view = view;
    stream.heartbeat = 20ms;
    net::HttpHeaders headers;
    co_await stream_run(exchange, *store, feed, std::move(stream), std::move(headers));
    gone = true;
  }
  net::Url url() const {
    return net::parse_url("http://127.0.0.1:" + std::to_string(server.port()) + "/").value();
  }
};

std::size_t count(std::string const& text, std::string_view what) {
  std::size_t times = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++times;
  return times;
}

awaitable<std::string> read_all(Streaming& on) {
  net::Reach const reach;
  net::HttpClient client(on.loop, reach);
  net::HttpRequest request;
  request.method = "GET";
  auto url = on.url();
  auto const reply = co_await client.send(std::move(url), std::move(request), 30s);
  co_return reply.value().body;
}

awaitable<void> happen(Streaming& on) {
  while (!on.asked) co_await net::sleep_for(1ms);
  // Long enough for some heartbeats, of which the reader is told the time; in steps, so that a
  // machine that stalls does not skip them.
  for (int i = 0; i < 10; ++i) co_await net::sleep_for(20ms);
  std::vector<Event> const two{on.event("console.message"), on.event("navigation")};
  on.feed.add(two);
  co_await net::sleep_for(50ms);
  on.end();
}

}  // namespace

TEST_CASE("run stream: heartbeats while nothing happens, events at once, then the end") {
  Streaming streaming;
  auto const whole = [](Streaming& on) -> awaitable<std::string> {
    net::Tasks tasks(on.loop.executor());
    tasks.spawn("events", happen(on));
    auto text = co_await read_all(on);
    co_await tasks.join();
    co_await on.server.stop();
    co_return text;
  };
  std::string text;
  auto const into = [](awaitable<std::string> body, std::string& to) -> awaitable<void> {
    to = co_await std::move(body);
  };
  bridge::test::run(streaming.loop, into(whole(streaming), text));
  CHECK(count(text, "event: heartbeat\ndata: {\"time\":") >= 2);
  CHECK(count(text, "event: run.event\n") == 4);
  CHECK(count(text, "\nid: ") + text.starts_with("id: ") == 4);
  auto const console = text.find("console.message");
  auto const navigation = text.find("\"navigation\"");
  auto const ended = text.find("event: run.ended\n");
  CHECK(text.find("event: heartbeat") < console);
  CHECK(console < navigation);
  CHECK(navigation < ended);
  CHECK(count(text, "event: run.ended\n") == 1);
  CHECK(text.ends_with("\n\n"));
}

namespace {

awaitable<void> count_turns(bool const& over, int& turns) {
  for (; !over; ++turns) co_await net::sleep_for(0s);
}

}  // namespace

TEST_CASE("run stream: rows that are not shown leave turns to the others") {
  Streaming streaming;
  std::vector<Event> const many(20'000, streaming.event("console.message"));
  streaming.feed.add(many);
  streaming.end();
  streaming.view = [](Event const&) { return Json(); };
  int turns = 0;
  auto const whole = [&]() -> awaitable<void> {
    net::Tasks tasks(streaming.loop.executor());
    tasks.spawn("others", count_turns(streaming.gone, turns));
    auto const text = co_await read_all(streaming);
    CHECK(count(text, "event: run.ended\n") == 1);
    co_await tasks.join();
    co_await streaming.server.stop();
  };
  bridge::test::run(streaming.loop, whole());
  CHECK(turns >= 100);
}

TEST_CASE("run stream: a store that fails ends the connection") {
  Streaming streaming;
  streaming.view = [](Event const&) -> Json { throw StoreFailure("the disk is gone"); };
  auto const whole = [&]() -> awaitable<void> {
    net::Reach const reach;
    net::HttpClient client(streaming.loop, reach);
    net::HttpRequest request;
    request.method = "GET";
    auto url = streaming.url();
    auto const reply = co_await client.send(std::move(url), std::move(request), 5s);
    REQUIRE_FALSE(reply.has_value());
    CHECK_FALSE(reply.error().is(Errc::timed_out));
    co_await streaming.server.stop();
  };
  bridge::test::run(streaming.loop, whole());
}

TEST_CASE("run stream: a reader that leaves takes its stream along") {
  Streaming streaming;
  auto const whole = [](Streaming& on) -> awaitable<void> {
    net::Reach const reach;
    auto url = on.url();
    auto stream = co_await net::connect_to(on.loop, std::move(url), reach);
    std::string const request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    std::array<asio::const_buffer, 1> const pieces{asio::buffer(request)};
    auto const sent = co_await (*stream)->send(pieces);
    CHECK(sent.has_value());
    auto const heard = co_await (*stream)->receive();
    CHECK(heard.has_value());
    (*stream)->close();
    while (!on.gone) co_await net::sleep_for(5ms);
    co_await on.server.stop();
  };
  bridge::test::run(streaming.loop, whole(streaming));
  CHECK(streaming.gone);
}
