#include "local/gateway.hpp"

#include "base/scope_exit.hpp"
#include "local/json.hpp"
#include "local/pump.hpp"
#include "local/routes.hpp"
#include "net/dial.hpp"

namespace bridge::local {
namespace {

constexpr auto kDialLimit = 10s;

awaitable<void> refuse(net::HttpExchange& exchange, Problem problem, std::string_view request_id) {
  auto reply = error_reply(problem, request_id);
  reply.headers.emplace_back("X-Request-Id", request_id);
  [[maybe_unused]] auto const sent = co_await exchange.reply(std::move(reply));
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
  auto* const browser = std::get_if<std::unique_ptr<net::SocketStream>>(&dialled);
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
  // Now, not when the other side has gone, too: the next controller must not be told "busy" by a
  // corpse.
  std::function<void()> const ended = [&] { runtimes_.release(run, lease); };
  std::function<void()> const heard = [&] { runtimes_.touch(admitted.runtime); };
  co_await pump_both(**client, **browser, ended, cut ? &*cut : nullptr, &heard);
}

}  // namespace bridge::local
