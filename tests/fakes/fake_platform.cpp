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

api::ApiError unused() {
  return api::client_error("api.error", "the daemon does not use this");
}

}  // namespace

std::size_t FakePlatform::count(std::string_view call) const {
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
}

RuntimeId FakePlatform::add_runtime(std::string name) {
  api::Runtime runtime;
  runtime.id = RuntimeId(fmt::format("rt_{}", runtimes_.size() + 1));
  runtime.name = std::move(name);
  runtime.status = "stopped";
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
  for (auto i = from; i < to; ++i) page.data.push_back(runtimes_[i]);
  if (to < runtimes_.size()) page.next_cursor = std::to_string(to);
  queries.push_back(std::move(query));
  co_return page;
}

awaitable<api::ApiResult<api::Runtime>> FakePlatform::create_runtime(api::RuntimeCreate request) {
  auto const begun = co_await begin("create", request.name);
  if (!begun) co_return begun.error();
  auto const id = add_runtime(request.name);
  created.push_back(std::move(request));
  co_return *find(id);
}

awaitable<api::ApiResult<api::RuntimeStart>> FakePlatform::start_runtime(RuntimeId id,
                                                                         std::string key) {
  start_keys.push_back(std::move(key));
  auto const begun = co_await begin("start", id.value);
  if (!begun) co_return begun.error();
  if (find(id) == nullptr) co_return not_found("runtime.not_found");
  api::RuntimeStart out;
  out.started = !active(id);
  if (out.started) open_run(id);
  out.runtime = id;
  out.run = find(id)->active_run;
  out.status = "active";
  out.connect_url = Secret(connect_url);
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
awaitable<api::ApiResult<api::Runtime>> FakePlatform::get_runtime(RuntimeId, api::Connection) {
  co_return unused();
}
awaitable<api::ApiResult<api::Runtime>> FakePlatform::update_runtime(RuntimeId,
                                                                     api::RuntimeUpdate) {
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
