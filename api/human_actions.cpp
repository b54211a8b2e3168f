#include "api/human_actions.hpp"

#include <nlohmann/json.hpp>

#include "api/json_tools.hpp"
#include "api/paths.hpp"

namespace bridge::api {
namespace {

HumanAction to_action(Json const& from) {
  HumanAction action;
  action.id = text(from, "id");
  action.runtime = RuntimeId{text(from, "runtimeId")};
  action.run = RunId{text(from, "runId")};
  action.invocation = InvocationId{text(from, "invocationId")};
  action.message = text(from, "message");
  action.status = text(from, "status");
  action.created_at = text(from, "createdAt");
  action.expires_at = text(from, "expiresAt");
  return action;
}

ApiResult<HumanAction> read_action(std::string_view body) {
  return read_one(parse(body), "a human action", to_action, has_id);
}

ApiResult<Waited<HumanAction>> read_waited(std::string_view body) {
  return read_wait(parse(body), "a human action", to_action, "resolved");
}

}  // namespace

awaitable<ApiResult<HumanAction>> HumanActions::get(RuntimeId runtime) {
  auto path = runtime_path(runtime, "/human-actions");
  auto const answer = co_await rest_.ask("GET", std::move(path));
  co_return read_with(answer, read_action);
}

awaitable<ApiResult<HumanAction>> HumanActions::create(RuntimeId runtime, std::string message,
                                                       std::optional<std::chrono::seconds> limit,
                                                       std::string idempotency_key) {
  Json request{{"message", message}};
  if (limit) request["timeoutSeconds"] = limit->count();
  RestClient::Call call;
  call.method = "POST";
  call.path = runtime_path(runtime, "/human-actions");
  call.body = dump(request);
  call.idempotency_key = std::move(idempotency_key);
  auto const deadline = Clock::now() + rest_.timeout();
  auto const answer = co_await rest_.send(std::move(call), deadline);
  co_return read_with(answer, read_action);
}

awaitable<ApiResult<HumanAction>> HumanActions::post(RuntimeId runtime, std::string verb) {
  auto path = runtime_path(runtime, "/human-actions/" + verb);
  auto const answer = co_await rest_.ask("POST", std::move(path));
  co_return read_with(answer, read_action);
}

awaitable<ApiResult<HumanAction>> HumanActions::complete(RuntimeId runtime) {
  return post(std::move(runtime), "complete");
}

awaitable<ApiResult<HumanAction>> HumanActions::cancel(RuntimeId runtime) {
  return post(std::move(runtime), "cancel");
}

awaitable<ApiResult<Waited<HumanAction>>> HumanActions::wait(RuntimeId runtime,
                                                             std::chrono::seconds limit) {
  auto path = runtime_path(runtime, "/human-actions/wait");
  auto const answer = co_await rest_.wait(std::move(path), limit);
  co_return read_with(answer, read_waited);
}

}  // namespace bridge::api
