#include "api/rest_platform.hpp"

#include <fmt/format.h>

#include "api/json.hpp"
#include "api/paths.hpp"
#include "base/backoff.hpp"
#include "net/tasks.hpp"
#include "net/url.hpp"

namespace bridge::api {
namespace {

constexpr std::chrono::milliseconds kPollFirst{250};
constexpr std::chrono::milliseconds kPollMost{2000};

bool is_usable(Secret const& connect_url) {
  return net::parse_url(connect_url.reveal()).has_value();
}

bool is_already_stopped(ApiError const& error) {
  return error.is_not_found() || error.code == "runtime.not_active";
}

ApiError not_ready(RuntimeId const& id, std::string_view why) {
  return client_error("runtime.not_ready", fmt::format("runtime {} {}", id.value, why));
}

ApiResult<RuntimeStart> checked(RuntimeStart start) {
  if (is_usable(start.connect_url)) return start;
  return client_error("api.error", fmt::format("the connectUrl of runtime {} is not an address",
                                               start.runtime.value));
}

}  // namespace

Result<std::unique_ptr<RestPlatform>> RestPlatform::make(net::Loop& loop, net::Reach reach,
                                                         RestOptions const& options) {
  auto server = Server::make(options.base_url, options.key);
  if (!server) return server.error();
  return std::unique_ptr<RestPlatform>(
      new RestPlatform(loop, std::move(reach), std::move(*server), options));
}

RestPlatform::RestPlatform(net::Loop& loop, net::Reach reach, Server server,
                           RestOptions const& options)
    : rest_(loop, std::move(reach), std::move(server), options),
      start_timeout_(options.start_timeout),
      retry_seed_(options.retry_seed) {}

awaitable<ApiResult<Whoami>> RestPlatform::whoami() {
  auto const answer = co_await rest_.ask("GET", "/auth/whoami");
  co_return read_with(answer, read_whoami);
}

awaitable<ApiResult<Page<Space>>> RestPlatform::list_spaces(SpaceQuery query) {
  auto path = QueryText("/spaces").page(query.cursor, query.limit).take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_spaces);
}

awaitable<ApiResult<Space>> RestPlatform::create_space(std::string name) {
  auto body = write_space_create(name);
  auto const answer = co_await rest_.ask("POST", "/spaces", std::move(body));
  co_return read_with(answer, read_space);
}

awaitable<ApiResult<Space>> RestPlatform::get_space(SpaceId id) {
  auto path = fmt::format("/spaces/{}", net::percent_encode(id.value));
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_space);
}

awaitable<ApiResult<Page<Runtime>>> RestPlatform::list_runtimes(RuntimeQuery query) {
  auto path = QueryText("/runtimes")
                  .add("spaceId", query.space.value)
                  .add("status", query.status)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_runtimes);
}

awaitable<ApiResult<Runtime>> RestPlatform::create_runtime(RuntimeCreate request) {
  auto body = write_runtime_create(request);
  if (!body) co_return body.error();
  auto const answer = co_await rest_.ask("POST", "/runtimes", std::move(*body));
  co_return read_with(answer, read_runtime);
}

awaitable<ApiResult<Runtime>> RestPlatform::get_runtime(RuntimeId id, Connection connection) {
  if (connection == Connection::wanted) {
    auto const deadline = Clock::now() + rest_.timeout();
    co_return co_await read_with_url(std::move(id), deadline);
  }
  auto path = runtime_path(id);
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_runtime);
}

awaitable<ApiResult<Runtime>> RestPlatform::update_runtime(RuntimeId id, RuntimeUpdate request) {
  auto body = write_runtime_update(request);
  if (!body) co_return body.error();
  auto path = runtime_path(id);
  auto const answer = co_await rest_.ask("PATCH", std::move(path), std::move(*body));
  co_return read_with(answer, read_runtime);
}

awaitable<ApiResult<RuntimeStart>> RestPlatform::start_runtime(RuntimeId id,
                                                               std::string idempotency_key) {
  RestClient::Call call;
  call.method = "POST";
  call.path = runtime_path(id, "/start");
  call.idempotency_key = std::move(idempotency_key);
  call.waits_itself = true;
  auto const deadline = Clock::now() + start_timeout_;
  auto const answer = co_await rest_.send(std::move(call), deadline);
  auto start = read_with(answer, read_runtime_start);
  if (!start && answer && answer->status == 202) start = RuntimeStart();
  if (!start) co_return start.error();
  start->runtime = std::move(id);
  if (start->connect_url.empty()) co_return co_await await_url(std::move(*start), deadline);
  co_return checked(std::move(*start));
}

awaitable<ApiResult<Runtime>> RestPlatform::read_with_url(RuntimeId id,
                                                          Clock::time_point deadline) {
  RestClient::Call call;
  call.method = "GET";
  call.path = runtime_path(id);
  auto const plain = co_await rest_.send(call, deadline);
  auto runtime = read_with(plain, read_runtime);
  if (!runtime || !runtime->connect_url.empty() || runtime->life() == Life::ended)
    co_return runtime;
  // A server that does not know the query may refuse it; the first answer still holds.
  call.path = runtime_path(id, "?include=connection");
  auto const second = co_await rest_.send(std::move(call), deadline);
  auto detailed = read_with(second, read_runtime);
  if (detailed) co_return detailed;
  co_return runtime;
}

awaitable<ApiResult<RuntimeStart>> RestPlatform::await_url(RuntimeStart begun,
                                                           Clock::time_point deadline) {
  Backoff backoff(kPollFirst, kPollMost, retry_seed_);
  for (;;) {
    auto const found = co_await read_with_url(begun.runtime, deadline);
    if (!found) co_return found.error();
    begun.status = found->status;
    if (!found->active_run.empty()) begun.run = found->active_run;
    if (!found->connect_url.empty()) {
      begun.connect_url = found->connect_url;
      begun.protocol = found->protocol;
      co_return checked(std::move(begun));
    }
    if (found->life() == Life::ended)
      co_return not_ready(begun.runtime, fmt::format("is {} after its start", found->status));
    auto const wait = backoff.next();
    if (Clock::now() + wait >= deadline)
      co_return not_ready(begun.runtime, "has no connectUrl within the start limit");
    co_await net::sleep_for(wait);
  }
}

awaitable<ApiResult<RuntimeStop>> RestPlatform::stop_runtime(RuntimeId id) {
  auto path = runtime_path(id, "/stop");
  auto const answer = co_await rest_.ask("POST", std::move(path));
  auto stop = read_with(answer, read_runtime_stop);
  if (!stop && is_already_stopped(stop.error())) {
    stop = RuntimeStop();
    stop->status = "stopped";
  }
  if (stop) stop->runtime = std::move(id);
  co_return stop;
}

awaitable<ApiResult<void>> RestPlatform::delete_runtime(RuntimeId id) {
  auto path = runtime_path(id);
  auto const answer = co_await rest_.ask("DELETE", std::move(path));
  if (!answer) co_return answer.error();
  co_return ApiResult<void>();
}

awaitable<ApiResult<Page<Run>>> RestPlatform::list_runs(RunQuery query) {
  auto path = QueryText("/runs")
                  .add("status", query.status)
                  .add("spaceId", query.space.value)
                  .add("runtimeId", query.runtime.value)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_runs);
}

awaitable<ApiResult<Run>> RestPlatform::get_run(RunId id) {
  auto path = run_path(id);
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_run);
}

awaitable<ApiResult<Page<RunEvent>>> RestPlatform::list_events(EventQuery query) {
  auto path = QueryText(run_path(query.run, "/events"))
                  .add("type", query.type)
                  .add("status", query.status)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_events);
}

awaitable<ApiResult<Invocation>> RestPlatform::create_invocation(RuntimeId runtime,
                                                                 std::string request_json,
                                                                 std::string idempotency_key) {
  return invocations_.create(std::move(runtime), std::move(request_json),
                             std::move(idempotency_key));
}

awaitable<ApiResult<Waited<Invocation>>> RestPlatform::wait_invocation(RuntimeId runtime,
                                                                       InvocationId id,
                                                                       std::chrono::seconds limit) {
  return invocations_.wait(std::move(runtime), std::move(id), limit);
}

awaitable<ApiResult<Invocation>> RestPlatform::cancel_invocation(RuntimeId runtime,
                                                                 InvocationId id) {
  return invocations_.cancel(std::move(runtime), std::move(id));
}

awaitable<ApiResult<HumanAction>> RestPlatform::create_human_action(
    RuntimeId runtime, std::string message, std::optional<std::chrono::seconds> limit,
    std::string idempotency_key) {
  return human_actions_.create(std::move(runtime), std::move(message), limit,
                               std::move(idempotency_key));
}

awaitable<ApiResult<Waited<HumanAction>>> RestPlatform::wait_human_action(
    RuntimeId runtime, std::chrono::seconds limit) {
  return human_actions_.wait(std::move(runtime), limit);
}

awaitable<ApiResult<HumanAction>> RestPlatform::cancel_human_action(RuntimeId runtime) {
  return human_actions_.cancel(std::move(runtime));
}

}  // namespace bridge::api
