#include <array>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/recordings.hpp"
#include "local/runtime_config.hpp"
#include "local/token.hpp"
#include "local/views.hpp"

namespace bridge::local {
namespace {

Outcome<Runtime> find_runtime(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("runtimeId");
  auto runtime = parts.store.runtime(RuntimeId{id});
  if (!runtime) return Problem::not_found("runtime", id);
  if (auto const used = parts.runtimes.last_activity(runtime->id)) runtime->last_activity_at = used;
  return std::move(*runtime);
}

Outcome<Runtime> read_new_runtime(Parts& parts, Call const& call) {
  auto const& body = call.body;
  Runtime runtime;
  runtime.id = RuntimeId{new_uuid()};
  runtime.name = "Runtime " + runtime.id.value.substr(0, 8);
  runtime.config = "{}";
  if (auto const name = body.find("name"); name != body.end()) runtime.name = *name;
  if (auto const config = body.find("config"); config != body.end()) {
    if (auto problem = check_config(*config)) return std::move(*problem);
    if (auto problem = parts.extensions.check_config(*config, call.caller))
      return std::move(*problem);
    auto kept = *config;
    if (auto problem = keep_password(kept, "{}")) return std::move(*problem);
    runtime.config = to_text(kept);
  }
  if (auto const metadata = body.find("metadata"); metadata != body.end())
    runtime.metadata = to_text(*metadata);
  auto const space = find_space(parts, call, body.value("spaceId", "default"));
  if (!space) return space.error();
  if (auto const config = body.find("config"); config != body.end())
    if (auto problem = parts.proxies.check_config(*config, space->subaccount))
      return std::move(*problem);
  runtime.space = space->id;
  runtime.created_at = runtime.updated_at = now();
  return runtime;
}

// What a config says of a saved proxy is its id.
Json with_proxy_name(Parts& parts, Json view) {
  auto& config = view.at("config");
  auto const proxy = config.find("proxy");
  if (proxy == config.end() || !proxy->is_object() || !proxy->contains("id")) return view;
  auto const saved = parts.proxies.all().find(proxy->at("id").get<std::string>());
  if (saved) (*proxy)["name"] = Json::parse(saved->body).at("name");
  return view;
}

std::optional<Problem> read_runtime(Json& body) {
  auto const config = body.find("config");
  return config == body.end() ? std::nullopt : read_shown(*config);
}

awaitable<Outcome<net::HttpReply>> list(Parts& parts, Call const& call) {
  auto const range = read_range(call.query);
  if (!range) co_return range.error();
  auto const filter = read_runtime_filter(parts, call);
  if (!filter) co_return filter.error();
  co_return list_reply(parts.store.runtimes(*filter, *range), runtime_summary);
}

awaitable<Outcome<net::HttpReply>> create(Parts& parts, Call const& call) {
  auto const runtime = read_new_runtime(parts, call);
  if (!runtime) co_return runtime.error();
  parts.store.add(*runtime);
  co_return json_reply(201, with_proxy_name(parts, runtime_view(*runtime)));
}

net::HttpReply detail_reply(Parts& parts, Runtime const& runtime) {
  auto view = runtime_detail(runtime, parts.runtimes.connect_url(runtime.id));
  return json_reply(200, with_proxy_name(parts, std::move(view)));
}

awaitable<Outcome<net::HttpReply>> get(Parts& parts, Call const& call) {
  auto const runtime = find_runtime(parts, call);
  if (!runtime) co_return runtime.error();
  co_return detail_reply(parts, *runtime);
}

// A config replaces the stored one; idleTimeoutSeconds is part of it and wins when both are given.
std::optional<Problem> apply_patch(Parts& parts, Call const& call, Runtime& runtime) {
  auto const& body = call.body;
  if (auto const name = body.find("name"); name != body.end()) runtime.name = *name;
  auto config = Json::parse(runtime.config);
  if (auto const given = body.find("config"); given != body.end()) {
    if (auto problem = check_config(*given)) return problem;
    if (auto problem = parts.extensions.check_config(*given, call.caller)) return problem;
    auto const space = parts.store.space(runtime.space);
    auto const owner = space ? space->subaccount : std::nullopt;
    if (auto problem = parts.proxies.check_config(*given, owner)) return problem;
    if (!parts.runtimes.is_stopped(runtime.id))
      return Problem(
          409, "runtime.not_stopped", "config can be changed only while it is stopped.",
          "Stop the runtime first; name and idleTimeoutSeconds can be changed any time.");
    config = *given;
    if (auto problem = keep_password(config, runtime.config)) return problem;
  }
  if (auto const idle = body.find("idleTimeoutSeconds"); idle != body.end()) {
    Json const alone{{"idleTimeoutSeconds", *idle}};
    if (check_config(alone))
      return Problem::invalid("idleTimeoutSeconds",
                              "idleTimeoutSeconds must be a whole number of seconds, 0 for never.");
    config["idleTimeoutSeconds"] = *idle;
  }
  runtime.config = to_text(config);
  return std::nullopt;
}

awaitable<Outcome<net::HttpReply>> update(Parts& parts, Call const& call) {
  auto found = find_runtime(parts, call);
  if (!found) co_return found.error();
  auto& runtime = *found;
  parts.runtimes.touch(runtime.id);
  if (auto problem = apply_patch(parts, call, runtime)) co_return std::move(*problem);
  runtime.updated_at = now();
  parts.store.update(runtime);
  parts.runtimes.configure(runtime.id, plan_of(runtime.config));
  co_return detail_reply(parts, runtime);
}

awaitable<Outcome<net::HttpReply>> remove(Parts& parts, Call const& call) {
  auto const& id = call.parameters.at("runtimeId");
  auto const removed = parts.runtimes.remove(RuntimeId{id});
  if (!removed) co_return removed.error();
  parts.recordings.sweep();
  co_return json_reply(200, Json{{"id", id}, {"deleted", true}});
}

awaitable<Outcome<net::HttpReply>> start(Parts& parts, Call const& call) {
  RuntimeId id{call.parameters.at("runtimeId")};
  auto const started = co_await parts.runtimes.start(id);
  if (!started) co_return started.error();
  co_return json_reply(200, Json{{"runtimeId", id.value},
                                 {"runId", started->run.value},
                                 {"status", "active"},
                                 {"connectUrl", started->connect_url.reveal()},
                                 {"protocol", "cdp"},
                                 {"started", started->started}});
}

awaitable<Outcome<net::HttpReply>> stop(Parts& parts, Call const& call) {
  RuntimeId id{call.parameters.at("runtimeId")};
  auto const stopped = co_await parts.runtimes.stop(id);
  if (!stopped) co_return stopped.error();
  co_return json_reply(200, Json{{"runtimeId", id.value},
                                 {"runId", stopped->run.value},
                                 {"status", "stopped"},
                                 {"stopped", stopped->stopped}});
}

constexpr std::array kRows{
    Operation{{"runtimes.list", "GET", "/v1/runtimes"}, list},
    Operation{{"runtimes.create", "POST", "/v1/runtimes"}, create, false, {}, read_runtime},
    Operation{{"runtimes.get", "GET", "/v1/runtimes/{runtimeId}"}, get},
    Operation{
        {"runtimes.update", "PATCH", "/v1/runtimes/{runtimeId}"}, update, false, {}, read_runtime},
    Operation{{"runtimes.delete", "DELETE", "/v1/runtimes/{runtimeId}"}, remove},
    Operation{{"runtimes.start", "POST", "/v1/runtimes/{runtimeId}/start"}, start},
    Operation{{"runtimes.stop", "POST", "/v1/runtimes/{runtimeId}/stop"}, stop},
};

}  // namespace

std::span<Operation const> runtime_operations() {
  return kRows;
}

}  // namespace bridge::local
