#include "tests/fakes/fake_platform.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bridge::test {
namespace {

api::ApiError not_found(std::string code) {
  auto error = api::client_error(std::move(code), "no such thing");
  error.status = 404;
  return error;
}

api::ApiError no_answer() {
  return api::client_error("network.error", "the fake's answer is lost");
}

api::ApiError unused() {
  return api::client_error("api.error", "the daemon does not use this");
}

}  // namespace

std::size_t FakePlatform::count(std::string_view call) const {
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
}

RuntimeId FakePlatform::add_runtime(std::string name, std::string metadata_json) {
  api::Runtime runtime;
  runtime.id = RuntimeId(fmt::format("rt_{}", runtimes_.size() + 1));
  runtime.name = std::move(name);
  runtime.status = "stopped";
  runtime.metadata_json = std::move(metadata_json);
  runtimes_.push_back(runtime);
  return runtime.id;
}

void FakePlatform::open_run(RuntimeId const& id) {
  auto& runtime = *find(id);
  runtime.status = "active";
  runtime.active_run = RunId(fmt::format("run_{}", ++last_run_));
  open_runs_.insert(runtime.active_run.value);
}

void FakePlatform::end_run(RuntimeId const& id) {
  auto& runtime = *find(id);
  open_runs_.erase(runtime.active_run.value);
  runtime.status = "stopped";
  runtime.active_run = {};
}

bool FakePlatform::active(RuntimeId const& id) const {
  return std::any_of(runtimes_.begin(), runtimes_.end(), [&id](api::Runtime const& runtime) {
    return runtime.id == id && !runtime.active_run.empty();
  });
}

void FakePlatform::fail_next(std::string verb, api::ApiError error) {
  errors_[std::move(verb)].push_back(std::move(error));
}

void FakePlatform::fail_next(std::string verb, unsigned status, std::string code) {
  auto error = api::client_error(std::move(code), "the fake says no");
  error.status = status;
  error.request_id = status == 0 ? "" : "req_7";
  fail_next(std::move(verb), std::move(error));
}

void FakePlatform::release(std::string const& verb) {
  held_.erase(verb);
  released_.notify_all();
}

api::Runtime* FakePlatform::find(RuntimeId const& id) {
  auto const at = std::find_if(runtimes_.begin(), runtimes_.end(),
                               [&id](api::Runtime const& runtime) { return runtime.id == id; });
  return at == runtimes_.end() ? nullptr : &*at;
}

awaitable<api::ApiResult<void>> FakePlatform::begin(std::string verb, std::string what) {
  calls.push_back(what.empty() ? verb : fmt::format("{} {}", verb, what));
  while (held_.contains(verb)) co_await released_.wait();
  auto& waiting = errors_[verb];
  if (waiting.empty()) co_return api::ApiResult<void>{};
  auto error = std::move(waiting.front());
  waiting.pop_front();
  co_return error;
}

awaitable<api::ApiResult<api::Page<api::Runtime>>> FakePlatform::list_runtimes(
    api::RuntimeQuery query) {
  auto const begun = co_await begin("list", query.cursor);
  if (!begun) co_return begun.error();
  auto const from = query.cursor.empty() ? 0 : std::stoul(query.cursor);
  auto const to = std::min(from + page_size, runtimes_.size());
  api::Page<api::Runtime> page;
  for (auto i = from; i < to; ++i) {
    auto const& status = query.status;
    bool const wanted = status.empty() || std::find(status.begin(), status.end(),
                                                    runtimes_[i].status) != status.end();
    if (!wanted) continue;
    page.data.push_back(runtimes_[i]);
    page.data.back().metadata_json.clear();
  }
  if (to < runtimes_.size()) page.next_cursor = std::to_string(to);
  queries.push_back(std::move(query));
  co_return page;
}

awaitable<api::ApiResult<api::Runtime>> FakePlatform::create_runtime(api::RuntimeCreate request) {
  auto const begun = co_await begin("create", request.name);
  if (!begun) co_return begun.error();
  auto const id = add_runtime(request.name, request.metadata_json);
  created.push_back(std::move(request));
  if (lost_.erase("create") != 0) co_return no_answer();
  co_return *find(id);
}

awaitable<api::ApiResult<api::RuntimeStart>> FakePlatform::start_runtime(RuntimeId id,
                                                                         std::string key) {
  start_keys.push_back(key);
  auto const begun = co_await begin("start", id.value);
  if (!begun) co_return begun.error();
  if (find(id) == nullptr) co_return not_found("runtime.not_found");
  if (auto const known = answers_.find(key); known != answers_.end()) co_return known->second;
  api::RuntimeStart out;
  out.started = !active(id);
  if (out.started) open_run(id);
  out.runtime = id;
  out.run = find(id)->active_run;
  out.status = "active";
  out.connect_url = Secret(connect_url);
  answers_[key] = out;
  if (lost_.erase("start") != 0) co_return no_answer();
  co_return out;
}

awaitable<api::ApiResult<api::RuntimeStop>> FakePlatform::stop_runtime(RuntimeId id) {
  auto const begun = co_await begin("stop", id.value);
  if (!begun) co_return begun.error();
  api::RuntimeStop out;
  out.runtime = id;
  out.status = "stopped";
  out.stopped = active(id);
  if (out.stopped) end_run(id);
  co_return out;
}

awaitable<api::ApiResult<api::Run>> FakePlatform::get_run(RunId id) {
  auto const begun = co_await begin("run", id.value);
  if (!begun) co_return begun.error();
  api::Run run;
  run.id = id;
  run.status = open_runs_.contains(id.value) ? "active" : "ended";
  co_return run;
}

void FakePlatform::end_invocation(std::string status) {
  invocation_.status = std::move(status);
  invocation_ended_.notify_all();
}

awaitable<api::ApiResult<api::Invocation>> FakePlatform::create_invocation(RuntimeId runtime,
                                                                           std::string request_json,
                                                                           std::string) {
  auto const begun = co_await begin("invoke", runtime.value);
  if (!begun) co_return begun.error();
  if (on_invocation) on_invocation();
  invocation_bodies.push_back(std::move(request_json));
  invocation_ = {};
  invocation_.id = InvocationId(fmt::format("inv_{}", invocation_bodies.size()));
  invocation_.runtime = runtime;
  invocation_.action = "act";
  invocation_.status = "running";
  co_return invocation_;
}

awaitable<api::ApiResult<api::Waited<api::Invocation>>> FakePlatform::wait_invocation(
    RuntimeId, InvocationId id, std::chrono::seconds) {
  auto const begun = co_await begin("wait", id.value);
  if (!begun) co_return begun.error();
  if (!invocation_end.empty() && !invocation_.ended()) invocation_.status = invocation_end;
  while (!invocation_.ended()) co_await invocation_ended_.wait();
  api::Waited<api::Invocation> out;
  out.value = invocation_;
  out.ended = true;
  co_return out;
}

awaitable<api::ApiResult<api::Invocation>> FakePlatform::cancel_invocation(RuntimeId,
                                                                           InvocationId id) {
  auto const begun = co_await begin("cancel", id.value);
  if (!begun) co_return begun.error();
  end_invocation("cancelled");
  co_return invocation_;
}

awaitable<api::ApiResult<api::HumanAction>> FakePlatform::create_human_action(
    RuntimeId runtime, std::string message, std::optional<std::chrono::seconds>, std::string) {
  auto const begun = co_await begin("ask", message);
  if (!begun) co_return begun.error();
  if (on_invocation) on_invocation();
  api::HumanAction out;
  out.id = "ha_1";
  out.runtime = runtime;
  out.status = "requested";
  co_return out;
}

awaitable<api::ApiResult<api::Waited<api::HumanAction>>> FakePlatform::wait_human_action(
    RuntimeId runtime, std::chrono::seconds) {
  auto const begun = co_await begin("await", runtime.value);
  if (!begun) co_return begun.error();
  while (invocation_end.empty()) co_await invocation_ended_.wait();
  api::Waited<api::HumanAction> out;
  out.value.id = "ha_1";
  out.value.status = "completed";
  out.ended = true;
  co_return out;
}

awaitable<api::ApiResult<api::HumanAction>> FakePlatform::cancel_human_action(RuntimeId runtime) {
  auto const begun = co_await begin("withdraw", runtime.value);
  if (!begun) co_return begun.error();
  api::HumanAction out;
  out.id = "ha_1";
  out.status = "cancelled";
  co_return out;
}

awaitable<api::ApiResult<api::Runtime>> FakePlatform::get_runtime(RuntimeId id, api::Connection) {
  auto const begun = co_await begin("get", id.value);
  if (!begun) co_return begun.error();
  auto const* runtime = find(id);
  if (runtime == nullptr) co_return not_found("runtime.not_found");
  auto out = *runtime;
  if (!out.active_run.empty()) out.connect_url = Secret(connect_url);
  co_return out;
}

awaitable<api::ApiResult<api::Runtime>> FakePlatform::update_runtime(RuntimeId id,
                                                                     api::RuntimeUpdate request) {
  auto what = fmt::format("{} {}", id.value, request.idle_timeout.value_or(0s).count());
  auto const begun = co_await begin("idle", std::move(what));
  if (!begun) co_return begun.error();
  auto const* runtime = find(id);
  if (runtime == nullptr) co_return not_found("runtime.not_found");
  co_return *runtime;
}

awaitable<api::ApiResult<api::Whoami>> FakePlatform::whoami() {
  co_return unused();
}
awaitable<api::ApiResult<api::Page<api::Space>>> FakePlatform::list_spaces(api::SpaceQuery) {
  co_return unused();
}
awaitable<api::ApiResult<api::Space>> FakePlatform::create_space(std::string) {
  co_return unused();
}
awaitable<api::ApiResult<api::Space>> FakePlatform::get_space(SpaceId) {
  co_return unused();
}
awaitable<api::ApiResult<void>> FakePlatform::delete_runtime(RuntimeId) {
  co_return unused();
}
awaitable<api::ApiResult<api::Page<api::Run>>> FakePlatform::list_runs(api::RunQuery) {
  co_return unused();
}
awaitable<api::ApiResult<api::Page<api::RunEvent>>> FakePlatform::list_events(api::EventQuery) {
  co_return unused();
}

}  // namespace bridge::test
