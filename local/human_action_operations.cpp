#include <array>
#include <nlohmann/json.hpp>

#include "local/drivers.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/waiting.hpp"

namespace bridge::local {
namespace {

constexpr std::int64_t kTimeoutMax = 7 * 24 * 3600;

Outcome<net::HttpReply> reply(unsigned status, Outcome<Json> const& action) {
  if (!action) return action.error();
  return json_reply(status, *action);
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  co_return reply(200, parts.drivers.human_actions.get(*id));
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  HumanActions::Request request;
  request.runtime = *id;
  request.run = parts.runtimes.active_run(*id);
  request.message = call.body.at("message").get<std::string>();
  if (request.message.empty())
    co_return Problem::invalid("message", "message must say what the person is to do.");
  auto const timeout = read_seconds(call.body, "timeoutSeconds", 1, kTimeoutMax);
  if (!timeout) co_return timeout.error();
  request.timeout = *timeout;
  co_return reply(201, parts.drivers.human_actions.create(request));
}

awaitable<Outcome<net::HttpReply>> complete(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  co_return reply(200, parts.drivers.human_actions.resolve(*id, "completed"));
}

awaitable<Outcome<net::HttpReply>> cancel(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  co_return reply(200, parts.drivers.human_actions.resolve(*id, "cancelled"));
}

awaitable<Outcome<net::HttpReply>> wait(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  auto const limit = read_wait(call.body);
  if (!limit) co_return limit.error();
  auto const ended = co_await parts.drivers.human_actions.wait(*id, *limit);
  co_return reply(200, ended);
}

constexpr std::array kRows{
    Operation{{"runtimes.human-actions.get", "GET", "/v1/runtimes/{runtimeId}/human-actions"}, get},
    Operation{{"runtimes.human-actions.create", "POST", "/v1/runtimes/{runtimeId}/human-actions"},
              create},
    Operation{{"runtimes.human-actions.complete", "POST",
               "/v1/runtimes/{runtimeId}/human-actions/complete"},
              complete},
    Operation{
        {"runtimes.human-actions.cancel", "POST", "/v1/runtimes/{runtimeId}/human-actions/cancel"},
        cancel},
    Operation{
        {"runtimes.human-actions.wait", "POST", "/v1/runtimes/{runtimeId}/human-actions/wait"},
        wait},
};

}  // namespace

std::span<Operation const> human_action_operations() {
  return kRows;
}

}  // namespace bridge::local
