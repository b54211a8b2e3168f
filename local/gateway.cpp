#include "local/gateway.hpp"

#include <array>

#include "base/scope_exit.hpp"
#include "local/frame_counter.hpp"
#include "local/json.hpp"
#include "local/routes.hpp"
#include "net/dial.hpp"

namespace bridge::local {
namespace {

constexpr auto kDialLimit = 10s;
// How long the other side may take to end after one side has: both have been told.
constexpr auto kLinger = 5s;

awaitable<void> refuse(net::HttpExchange& exchange, Problem problem, std::string_view request_id) {
  auto reply = error_reply(problem, request_id);
  reply.headers.emplace_back("X-Request-Id", request_id);
  [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
}

awaitable<Result<void>> send_text(net::ByteStream& to, std::string const& text) {
  if (text.empty()) co_return Result<void>{};
  std::array<asio::const_buffer, 1> const pieces{asio::buffer(text)};
  co_return co_await to.send(pieces);
}

// Bytes of one direction until their sender ends; then the receiver is told. `ended` runs at that
// very moment. `cut` is null, or says after which frame the receiver
// hears no more.
template <class Ended>
awaitable<void> pump(net::ByteStream& from, net::ByteStream& to, Ended const& ended,
                     FrameCounter* cut) {
  std::string chunk;
  for (;;) {
    auto const bytes = co_await from.receive();
    if (!bytes) {
      ended();
      // An end is passed on as an end, a broken connection as one.
      if (bytes.error().is(Errc::end_of_stream))
        to.shutdown_send();
      else
        to.close();
      co_return;
    }
    // The received bytes last until we suspend, and sending may.
    chunk.assign(bytes->data(), bytes->size());
    if (cut != nullptr) chunk.resize(cut->take(chunk));
    auto const sent = co_await send_text(to, chunk);
    if (cut != nullptr && cut->done()) {
      // An end, not a reset, which would take from the receiver what it has not read yet.
      to.shutdown_send();
      ended();
      co_return;
    }
    if (!sent) {
      ended();
      from.close();
      co_return;
    }
  }
}

template <class Ended>
awaitable<void> pump_both(net::ByteStream& client, net::ByteStream& browser, Ended const& ended,
                          FrameCounter* cut) {
  co_await (pump(client, browser, ended, nullptr) && pump(browser, client, ended, cut));
}

// Begins to count when the first side has ended.
awaitable<void> linger(net::Signal& first_end) {
  co_await first_end.wait();
  co_await net::sleep_for(kLinger);
}

}  // namespace

awaitable<void> Gateway::handle(net::HttpExchange& exchange, std::string_view path,
                                std::string_view request_id) {
  auto const parts = split_path(path.substr(kPath.size() - 1));
  auto const run = RunId{std::string(parts.front())};
  auto const secret = parts.size() == 2 ? parts[1] : std::string_view();
  // Not a web socket: nothing to take the lock for. Whether the address is right is not told
  // either.
  if (!exchange.request().wants_websocket()) {
    Problem problem(404, "request.not_found", "This address speaks WebSocket only.");
    co_await refuse(exchange, std::move(problem), request_id);
    co_return;
  }
  auto const admission = runtimes_.admit(run, secret, Controller::cdp);
  if (std::holds_alternative<std::monostate>(admission)) {
    Problem problem(404, "run.not_found", "No such run, or it is over.",
                    "Start the runtime again and use its new connectUrl.");
    co_await refuse(exchange, std::move(problem), request_id);
    co_return;
  }
  if (auto const* const held = std::get_if<Lock::Busy>(&admission)) {
    auto problem = controller_busy(*held);
    co_await refuse(exchange, std::move(problem), request_id);
    co_return;
  }
  auto admitted = std::get<Runtimes::Admitted>(admission);
  co_await relay(exchange, run, std::move(admitted), request_id);
}

awaitable<void> Gateway::relay(net::HttpExchange& exchange, RunId run, Runtimes::Admitted admitted,
                               std::string_view request_id) {
  auto const lease = admitted.lease;
  auto const leave = scope_exit([&] { runtimes_.release(run, lease); });
  net::Reach const reach;
  std::string from_browser;
  auto dialled = co_await net::dial_ws_raw(loop_, std::move(admitted.devtools), reach, kDialLimit,
                                           from_browser);
  auto* const browser = std::get_if<std::unique_ptr<net::ByteStream>>(&dialled);
  if (browser == nullptr) {
    Problem problem(503, "run.browser_host_unavailable", "Chromium did not take the connection.");
    co_await refuse(exchange, std::move(problem), request_id);
    co_return;
  }
  std::string from_client;
  auto client = co_await exchange.accept_raw(from_client);
  if (!client) co_return;

  runtimes_.count_cdp(run, +1);
  auto const uncount = scope_exit([&] { runtimes_.count_cdp(run, -1); });
  auto const to_browser = co_await send_text(**browser, from_client);
  auto const to_client = co_await send_text(**client, from_browser);
  if (!to_browser || !to_client) co_return;

  std::optional<FrameCounter> cut;
  if (auto const frames = faults_.take_cut(admitted.runtime.value)) cut.emplace(*frames);
  net::Signal first_end(loop_.executor());
  auto const ended = [&] {
    // Now, not when the other side has gone, too: the next controller must not be told "busy" by a
    // corpse.
    runtimes_.release(run, lease);
    first_end.notify();
  };
  co_await (pump_both(**client, **browser, ended, cut ? &*cut : nullptr) || linger(first_end));
}

}  // namespace bridge::local
