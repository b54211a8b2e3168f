#include "api/invocations.hpp"

#include <nlohmann/json.hpp>

#include "api/json_tools.hpp"
#include "api/paths.hpp"

namespace bridge::api {
namespace {

Invocation to_invocation(Json const& from) {
  Invocation invocation;
  invocation.id = InvocationId{text(from, "id")};
  invocation.run = RunId{text(from, "runId")};
  invocation.runtime = RuntimeId{text(from, "runtimeId")};
  invocation.action = text(from, "action");
  invocation.status = text(from, "status");
  invocation.created_at = text(from, "createdAt");
  invocation.started_at = text(from, "startedAt");
  invocation.finished_at = text(from, "finishedAt");
  invocation.duration_seconds = number(from, "durationSeconds");
  invocation.output_json = json_text(from, "output");
  invocation.error_code = text_at(from, {"error", "code"});
  invocation.error_message = text_at(from, {"error", "message"});
  return invocation;
}

ApiResult<Invocation> read_invocation(std::string_view body) {
  return read_one(parse(body), "an invocation", to_invocation, has_id);
}

ApiResult<Page<Invocation>> read_invocations(std::string_view body) {
  return read_page(parse(body), "a list of invocations", to_invocation, has_id);
}

ApiResult<Waited<Invocation>> read_waited(std::string_view body) {
  return read_wait(parse(body), "an invocation", to_invocation, "completed");
}

std::string invocation_path(RuntimeId const& runtime, InvocationId const& id,
                            std::string_view rest) {
  return runtime_path(runtime,
                      fmt::format("/invocations/{}{}", net::percent_encode(id.value), rest));
}

}  // namespace

awaitable<ApiResult<Invocation>> Invocations::create(RuntimeId runtime, std::string request_json,
                                                     std::string idempotency_key) {
  RestClient::Call call;
  call.method = "POST";
  call.path = runtime_path(runtime, "/invocations");
  call.body = std::move(request_json);
  call.idempotency_key = std::move(idempotency_key);
  auto const deadline = Clock::now() + rest_.timeout();
  auto const answer = co_await rest_.send(std::move(call), deadline);
  co_return read_with(answer, read_invocation);
}

awaitable<ApiResult<Waited<Invocation>>> Invocations::wait(RuntimeId runtime, InvocationId id,
                                                           std::chrono::seconds limit) {
  auto path = invocation_path(runtime, id, "/wait");
  auto const answer = co_await rest_.wait(std::move(path), limit);
  co_return read_with(answer, read_waited);
}

awaitable<ApiResult<Invocation>> Invocations::cancel(RuntimeId runtime, InvocationId id) {
  auto path = invocation_path(runtime, id, "/cancel");
  auto const answer = co_await rest_.ask("POST", std::move(path));
  co_return read_with(answer, read_invocation);
}

awaitable<ApiResult<Page<Invocation>>> Invocations::list(InvocationQuery query) {
  auto path = QueryText(run_path(query.run, "/invocations"))
                  .add("status", query.status)
                  .add("action", query.action)
                  .page(query.cursor, query.limit)
                  .take();
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_invocations);
}

awaitable<ApiResult<Invocation>> Invocations::get(RunId run, InvocationId id) {
  auto path = run_path(run, "/invocations/" + net::percent_encode(id.value));
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_invocation);
}

}  // namespace bridge::api
