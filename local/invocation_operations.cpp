#include <array>
#include <nlohmann/json.hpp>

#include "local/drivers.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/views.hpp"
#include "local/waiting.hpp"

namespace bridge::local {
namespace {

Outcome<net::HttpReply> reply(unsigned status, Outcome<Json> const& invocation) {
  if (!invocation) return invocation.error();
  return json_reply(status, *invocation);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  auto request = read_invocation(call.body);
  if (!request) co_return request.error();
  co_return reply(202, parts.drivers.invocations.create(*id, std::move(*request)));
}

awaitable<Outcome<net::HttpReply>> cancel(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  co_return reply(200, parts.drivers.invocations.cancel(*id, call.parameters.at("invocationId")));
}

awaitable<Outcome<net::HttpReply>> wait(Parts& parts, Call const& call) {
  auto const id = touch_runtime(parts, call);
  if (!id) co_return id.error();
  auto const limit = read_wait(call.body);
  if (!limit) co_return limit.error();
  auto invocation = call.parameters.at("invocationId");
  auto const ended = co_await parts.drivers.invocations.wait(*id, std::move(invocation), *limit);
  co_return reply(200, ended);
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  DocumentFilter filter;
  for (auto const member : {"status", "action"})
    if (auto values = call.query.all(member); !values.empty())
      filter.members.push_back({member, std::move(values)});
  co_return list_reply(parts.drivers.invocations.list(run->id, std::move(filter), *range),
                       Invocations::summary);
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  co_return reply(200, parts.drivers.invocations.get(run->id, call.parameters.at("invocationId")));
}

constexpr std::array kRows{
    Operation{{"runtimes.invocations.create", "POST", "/v1/runtimes/{runtimeId}/invocations"},
              create},
    Operation{{"runtimes.invocations.cancel", "POST",
               "/v1/runtimes/{runtimeId}/invocations/{invocationId}/cancel"},
              cancel},
    Operation{{"runtimes.invocations.wait", "POST",
               "/v1/runtimes/{runtimeId}/invocations/{invocationId}/wait"},
              wait},
    Operation{{"runs.invocations.list", "GET", "/v1/runs/{runId}/invocations"}, list},
    Operation{{"runs.invocations.get", "GET", "/v1/runs/{runId}/invocations/{invocationId}"}, get},
};

}  // namespace

std::span<Operation const> invocation_operations() {
  return kRows;
}

}  // namespace bridge::local
