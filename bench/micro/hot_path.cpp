#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <new>
#include <string>

#include "cdp/envelope.hpp"
#include "cdp/json_ending.hpp"
#include "cdp/mux.hpp"
#include "net/block_queue.hpp"
#include "net/ws_codec.hpp"

// The steps of a message's way, each alone. "allocs" is per message.

namespace {

std::size_t allocations = 0;

}  // namespace

// NOLINTBEGIN: replaced to count
void* operator new(std::size_t size) {
  ++allocations;
  if (void* block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
// NOLINTEND

namespace bridge {
namespace {

constexpr std::string_view kSession = "0123456789ABCDEF0123456789ABCDEF";

std::string reply(int id, std::size_t size) {
  return fmt::format(R"({{"id":{},"result":{{"data":"{}"}},"sessionId":"{}"}})", id,
                     std::string(size, 'x'), kSession);
}
std::string event(std::size_t size) {
  return fmt::format(
      R"({{"method":"Network.dataReceived","params":{{"data":"{}"}},"sessionId":"{}"}})",
      std::string(size, 'x'), kSession);
}
std::string command(std::size_t size) {
  return fmt::format(R"({{"id":17,"method":"Runtime.evaluate","params":{{"expression":"{}"}}}})",
                     std::string(size, 'x'));
}

/// Counts what is allocated while it lives, per message.
class Allocations {
 public:
  explicit Allocations(benchmark::State& state) : state_(state), before_(allocations) {}
  ~Allocations() {
    state_.counters["allocs"] = benchmark::Counter(static_cast<double>(allocations - before_) /
                                                   static_cast<double>(state_.iterations()));
  }

 private:
  benchmark::State& state_;
  std::size_t before_;
};

void read_command(benchmark::State& state) {
  auto const frame = command(static_cast<std::size_t>(state.range(0)));
  Allocations const count(state);
  for (auto _ : state) {
    cdp::Command out;
    benchmark::DoNotOptimize(cdp::read_command(frame, out));
  }
}
BENCHMARK(read_command)->Arg(100)->Arg(1000)->Arg(100'000);

void read_reply(benchmark::State& state) {
  auto const frame = reply(123, static_cast<std::size_t>(state.range(0)));
  Allocations const count(state);
  for (auto _ : state) benchmark::DoNotOptimize(cdp::read_upstream(frame));
}
BENCHMARK(read_reply)->Arg(200)->Arg(1'000'000);

void read_event(benchmark::State& state) {
  auto const frame = event(static_cast<std::size_t>(state.range(0)));
  Allocations const count(state);
  for (auto _ : state) benchmark::DoNotOptimize(cdp::read_upstream(frame));
}
BENCHMARK(read_event)->Arg(1000);

class Nowhere final : public net::WsDecoder::Sink {
 public:
  bool on_message(net::WsOpcode, std::span<char> payload) override {
    benchmark::DoNotOptimize(payload.data());
    return true;
  }
  bool on_ping(std::string_view) override { return true; }
  bool on_pong(std::string_view) override { return true; }
  bool on_close(net::WsClose) override { return true; }
};

/// 64 KiB of frames at a time, as they are received.
void decode(benchmark::State& state, net::WsRole self, bool check_utf8) {
  auto const size = static_cast<std::size_t>(state.range(0));
  std::uint32_t const mask = 0x9a00fe12;
  net::BlockPool pool;
  net::BlockQueue queue(pool);
  std::size_t messages = 0;
  std::string received;
  while (received.size() < 64 * 1024) {
    bool const masked = self == net::WsRole::server;
    received += net::ws_header(net::WsOpcode::text, size, masked ? &mask : nullptr).view();
    received += std::string(size, 'x');
    ++messages;
  }
  net::WsDecoder decoder(self, 64 << 20, check_utf8);
  Nowhere sink;
  Allocations const count(state);
  for (auto _ : state) benchmark::DoNotOptimize(decoder.feed(received, sink));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(messages));
}
// Unmasking in place turns the text over each time: its UTF-8 is not looked at here.
BENCHMARK_CAPTURE(decode, of_clients, net::WsRole::server, false)->Arg(200)->Arg(1000);
BENCHMARK_CAPTURE(decode, of_the_runtime, net::WsRole::client, false)->Arg(200)->Arg(1000);
BENCHMARK_CAPTURE(decode, with_utf8_check, net::WsRole::client, true)->Arg(200)->Arg(1000);

void queue_masked(benchmark::State& state) {
  std::string const text(static_cast<std::size_t>(state.range(0)), 'x');
  net::BlockPool pool;
  net::BlockQueue queue(pool);
  net::WsMasks masks;
  Allocations const count(state);
  for (auto _ : state) {
    auto const mask = masks.next();
    queue.append(net::ws_header(net::WsOpcode::text, text.size(), &mask).view());
    queue.append_masked(text, mask, 0);
    if (queue.bytes() > 64 * 1024) queue.consume(queue.bytes());
  }
}
BENCHMARK(queue_masked)->Arg(200)->Arg(1000);

void follow_json(benchmark::State& state) {
  std::string const piece(64 * 1024, 'x');
  cdp::JsonEnding ending;
  ending.pass("{\"result\":{\"data\":\"");
  for (auto _ : state) ending.pass(piece);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(piece.size()));
}
BENCHMARK(follow_json);

/// Forgets what it is given, but for the last command's id.
class Outbox final : public cdp::MuxOut {
 public:
  void to_upstream(cdp::Spliced const& message) override {
    for (auto const piece : message.pieces()) bytes += piece.size();
    last = message.text();
  }
  void to_client(ClientId, cdp::Spliced const& message) override {
    for (auto const piece : message.pieces()) bytes += piece.size();
  }
  void client_leaves(ClientId) override {}
  void target_gone(ClientId) override {}

  std::size_t bytes = 0;
  std::string last;
};

/// A mux with one client whose root is kSession.
struct Routed {
  explicit Routed(bool survives) : mux(out, {1, survives}) {
    mux.join(ClientId{1}, "", [](cdp::Mux::Answer const&) {});
    mux.from_upstream(fmt::format(
        R"({{"method":"Target.attachedToTarget","params":{{"sessionId":"{}","targetInfo":{{"targetId":"T","type":"browser"}},"waitingForDebugger":false}}}})",
        kSession));
    mux.from_upstream(fmt::format(R"({{"id":1,"result":{{"sessionId":"{}"}}}})", kSession));
  }
  Outbox out;
  cdp::Mux mux;
};

/// A command and its reply, there and back. The outbox's own copy of the command is one allocation.
void route_command(benchmark::State& state) {
  Routed routed(true);
  auto const asked = command(100);
  std::string answer;
  answer.reserve(1000);
  Allocations const count(state);
  for (auto _ : state) {
    routed.mux.from_client(ClientId{1}, asked);
    auto const& sent = routed.out.last;
    answer.assign("{\"id\":");
    answer.append(sent, 6, sent.find(',') - 6);
    answer.append(R"(,"result":{"data":"x"},"sessionId":"0123456789ABCDEF0123456789ABCDEF"})");
    routed.mux.from_upstream(answer);
  }
}
BENCHMARK(route_command);

void route_event(benchmark::State& state) {
  Routed routed(true);
  auto const frame = event(1000);
  Allocations const count(state);
  for (auto _ : state) routed.mux.from_upstream(frame);
}
BENCHMARK(route_event);

}  // namespace
}  // namespace bridge

BENCHMARK_MAIN();
