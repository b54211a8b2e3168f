#include "api/json.hpp"

#include <nlohmann/json.hpp>

#include "api/json_tools.hpp"
#include "base/log.hpp"

namespace bridge::api {
namespace {

std::string cdp_url(Json const& from) {
  return text_of(from, {{"connectUrl"},
                        {"cdpUrl"},
                        {"connection", "cdpUrl"},
                        {"connection", "connectUrl"},
                        {"connections", "cdpUrl"},
                        {"currentRun", "connections", "cdpUrl"},
                        {"endpoint", "url"}});
}

std::string webdriver_url(Json const& from) {
  return text_of(from, {{"webdriverUrl"},
                        {"webDriverUrl"},
                        {"connection", "webdriverUrl"},
                        {"connection", "webDriverUrl"},
                        {"connections", "webdriverUrl"},
                        {"currentRun", "connections", "webdriverUrl"}});
}

std::string expires_at(Json const& from) {
  return text_of(from, {{"expiresAt"},
                        {"connection", "expiresAt"},
                        {"connections", "expiresAt"},
                        {"currentRun", "connections", "expiresAt"}});
}

std::string protocol_of(Json const& from) {
  return text_of(from, {{"protocol"}, {"connection", "protocol"}});
}

RunId run_id(Json const& from) {
  return RunId{text_of(from, {{"runId"},
                              {"connection", "runId"},
                              {"activeRunId"},
                              {"currentRun", "id"},
                              {"latestRun", "id"}})};
}

RuntimeId runtime_id(Json const& from) {
  return RuntimeId{text_of(from, {{"runtimeId"}, {"resourceId"}, {"id"}})};
}

Whoami to_whoami(Json const& from) {
  Whoami who;
  who.key_id = text(from, "keyId");
  who.email = text(from, "email");
  who.scope = text_of(from, {{"effectiveScope", "scope"}, {"scope"}});
  who.organization_id = text_of(from, {{"effectiveScope", "organizationId"}, {"organizationId"}});
  who.subaccount_id = text_of(from, {{"effectiveScope", "subaccountId"}, {"subaccountId"}});
  who.default_space =
      SpaceId{text_of(from, {{"effectiveScope", "defaultSpaceId"}, {"defaultSpaceId"}})};
  who.plan = text(from, "plan");
  return who;
}

Space to_space(Json const& from) {
  Space space;
  space.id = SpaceId{text(from, "id")};
  space.name = text(from, "name");
  space.subaccount_id = text(from, "subaccountId");
  space.created_at = text(from, "createdAt");
  space.updated_at = text(from, "updatedAt");
  return space;
}

// Only the run that is open now counts: `latestRun` may have ended long ago.
RunId active_run(Json const& from) {
  return RunId{
      text_of(from, {{"activeRunId"}, {"runId"}, {"connection", "runId"}, {"currentRun", "id"}})};
}

Runtime to_runtime(Json const& from) {
  Runtime runtime;
  runtime.id = RuntimeId{text_of(from, {{"id"}, {"runtimeId"}, {"resourceId"}})};
  runtime.space = SpaceId{text(from, "spaceId")};
  runtime.name = text(from, "name");
  runtime.type = text(from, "type");
  runtime.status = text(from, "status");
  runtime.active_run = active_run(from);
  runtime.created_at = text(from, "createdAt");
  runtime.updated_at = text(from, "updatedAt");
  runtime.last_activity_at = text(from, "lastActivityAt");
  runtime.config_json = json_text(from, "config");
  runtime.metadata_json = json_text(from, "metadata");
  runtime.connect_url = Secret(cdp_url(from));
  runtime.protocol = protocol_of(from);
  return runtime;
}

RuntimeStart to_start(Json const& from) {
  RuntimeStart start;
  start.runtime = runtime_id(from);
  start.run = run_id(from);
  start.status = text(from, "status");
  start.connect_url = Secret(cdp_url(from));
  start.protocol = protocol_of(from);
  start.started = flag(from, "started");
  if (auto url = webdriver_url(from); !url.empty()) start.webdriver_url.emplace(std::move(url));
  start.expires_at = expires_at(from);
  return start;
}

RuntimeStop to_stop(Json const& from) {
  RuntimeStop stop;
  stop.runtime = runtime_id(from);
  stop.run = run_id(from);
  stop.status = text(from, "status");
  stop.stopped = flag(from, "stopped");
  return stop;
}

Run to_run(Json const& from) {
  Run run;
  run.id = RunId{text_of(from, {{"id"}, {"runId"}})};
  run.runtime = RuntimeId{text_of(from, {{"runtimeId"}, {"resourceId"}})};
  run.space = SpaceId{text(from, "spaceId")};
  run.status = text(from, "status");
  run.created_at = text(from, "createdAt");
  run.started_at = text(from, "startedAt");
  run.finished_at = text_of(from, {{"finishedAt"}, {"endedAt"}});
  run.duration_seconds = number(from, "durationSeconds");
  if (auto const usage = from.find("usage"); usage != from.end() && usage->is_object())
    run.credits = number(*usage, "creditsUsed");
  run.failure_code = text_at(from, {"failure", "code"});
  run.failure_message = text_at(from, {"failure", "message"});
  return run;
}

RunEvent to_event(Json const& from) {
  RunEvent event;
  event.id = text(from, "id");
  event.time = text_of(from, {{"time"}, {"timestamp"}});
  event.type = text(from, "type");
  event.name = text(from, "name");
  event.status = text(from, "status");
  event.page_id = text(from, "pageId");
  event.context_id = text(from, "contextId");
  event.duration_seconds = number(from, "durationSeconds");
  event.data_json = json_text(from, "data");
  return event;
}

// What a server says about an error is for people. More than this is a page of HTML or worse, and
// the redaction's regular expressions recurse over what they match.
constexpr std::size_t kErrorTextMax = 2 * 1024;
constexpr std::size_t kDetailsMax = 4 * 1024;

std::string error_text(Json const& from, std::initializer_list<JsonPath> spellings) {
  return log::redact(text_of(from, spellings).substr(0, kErrorTextMax));
}

/// Redacted JSON, or nothing when it is no object or too large.
std::string error_details(Json const& from) {
  auto const* details = find(from, {"details"});
  if (details == nullptr) details = find(from, {"error", "details"});
  if (details == nullptr || !details->is_object()) return {};
  auto const text = dump(*details);
  return text.size() > kDetailsMax ? std::string() : log::redact(text);
}

constexpr auto always = [](auto const&) { return true; };

ApiError not_an_object(char const* name) {
  return client_error("request.invalid", std::string(name) + " is not a JSON object");
}

}  // namespace

ApiResult<Whoami> read_whoami(std::string_view body) {
  return read_one(parse(body), "an identity", to_whoami, always);
}
ApiResult<Space> read_space(std::string_view body) {
  return read_one(parse(body), "a space", to_space, has_id);
}
ApiResult<Page<Space>> read_spaces(std::string_view body) {
  return read_page(parse(body), "a list of spaces", to_space, has_id);
}
ApiResult<Runtime> read_runtime(std::string_view body) {
  return read_one(parse(body), "a runtime", to_runtime, has_id);
}
ApiResult<Page<Runtime>> read_runtimes(std::string_view body) {
  return read_page(parse(body), "a list of runtimes", to_runtime, has_id);
}
ApiResult<RuntimeStart> read_runtime_start(std::string_view body) {
  return read_one(parse(body), "a started runtime", to_start, always);
}
ApiResult<RuntimeStop> read_runtime_stop(std::string_view body) {
  return read_one(parse(body), "a stopped runtime", to_stop, always);
}
ApiResult<Run> read_run(std::string_view body) {
  return read_one(parse(body), "a run", to_run, has_id);
}
ApiResult<Page<Run>> read_runs(std::string_view body) {
  return read_page(parse(body), "a list of runs", to_run, has_id);
}
ApiResult<Page<RunEvent>> read_events(std::string_view body) {
  return read_page(parse(body), "a list of run events", to_event, has_id);
}

ApiError read_error(unsigned status, std::string_view body) {
  ApiError error;
  error.status = status;
  auto const json = parse(body);
  if (json.is_object()) {
    error.code = error_text(json, {{"code"}, {"error", "code"}});
    error.reason_class = error_text(json, {{"reasonClass"}, {"error", "reasonClass"}});
    error.message = error_text(json, {{"error"}, {"error", "message"}, {"message"}});
    error.hint = error_text(json, {{"hint"}, {"error", "hint"}});
    error.request_id = error_text(json, {{"requestId"}, {"error", "requestId"}});
    error.details_json = error_details(json);
  } else {
    error.message = log::redact(body.substr(0, kErrorTextMax));
  }
  if (error.code.empty()) error.code = "api.error";
  return error;
}

ApiResult<std::string> write_runtime_create(RuntimeCreate const& request) {
  Json out = Json::object();
  if (!request.name.empty()) out["name"] = request.name;
  if (!request.space.empty()) out["spaceId"] = request.space.value;
  if (!put_object(out, "config", request.config_json)) return not_an_object("config");
  if (!put_object(out, "metadata", request.metadata_json)) return not_an_object("metadata");
  return dump(out);
}

ApiResult<std::string> write_runtime_update(RuntimeUpdate const& request) {
  Json out = Json::object();
  if (request.name) out["name"] = *request.name;
  if (request.idle_timeout) out["idleTimeoutSeconds"] = request.idle_timeout->count();
  if (!put_object(out, "config", request.config_json)) return not_an_object("config");
  return dump(out);
}

std::string write_space_create(std::string_view name) {
  Json out = Json::object();
  if (!name.empty()) out["name"] = name;
  return dump(out);
}

}  // namespace bridge::api
