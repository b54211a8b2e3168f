#include "daemon/control.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "config/values.hpp"
#include "daemon/daemon.hpp"
#include "net/url.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

std::string rfc3339(std::chrono::system_clock::time_point time) {
  auto const ms = std::chrono::time_point_cast<std::chrono::milliseconds>(time);
  auto const whole = std::chrono::time_point_cast<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(whole)),
                     (ms - whole).count());
}

Json to_json(Failure const& failure) {
  Json out{{"code", failure.code}, {"message", failure.message}, {"wayOut", failure.way_out()}};
  if (!failure.request_id.empty()) out["requestId"] = failure.request_id;
  return out;
}

// Who drives the runtime, as far as we know: null when nobody of ours is connected.
Json controller_of(Bridge::Status const& status) {
  auto const now = Clock::now();
  auto const clock = std::chrono::system_clock::now();
  auto const when = [&](Clock::time_point time) {
    return rfc3339(clock + std::chrono::duration_cast<std::chrono::milliseconds>(time - now));
  };
  if (status.holder) {
    Json out{{"holder", status.holder->who}, {"since", when(status.holder->since)}};
    if (status.holder->until) out["until"] = when(*status.holder->until);
    return out;
  }
  if (!status.connected) return nullptr;
  return {{"holder", "bridge"}, {"since", rfc3339(status.connected_since)}};
}

Json to_json(Daemon::Listed const& listed) {
  auto const status = listed.bridge->status();
  Json out{{"name", listed.bridge->config().name},
           {"state", to_text(status.state)},
           {"http", listed.http},
           {"ws", listed.ws},
           {"since", rfc3339(status.since)},
           {"reason", status.reason},
           {"runtimeId", status.runtime.empty() ? Json() : Json(status.runtime.value)},
           {"runId", status.run.empty() ? Json() : Json(status.run.value)},
           {"startedHere", status.started_here},
           {"clients", status.clients},
           {"sessions", status.sessions},
           {"pending", status.pending},
           {"targets", status.targets},
           {"commands", status.counts.commands},
           {"replies", status.counts.replies},
           {"events", status.counts.events},
           {"refused", status.counts.refused}};
  out["controller"] = controller_of(status);
  if (status.attempts > 0) out["attempts"] = status.attempts;
  if (status.stops)
    out["stops"] = {{"cause", to_text(status.stops->cause)},
                    {"at", rfc3339(status.stops->at)},
                    {"text", status.stops->text}};
  if (status.budget) {
    auto& budget = out["budget"];
    budget["per"] = config::word_for(listed.bridge->config().budget.per);
    if (auto const& left = status.budget->time)
      budget["secondsLeft"] = std::chrono::floor<std::chrono::seconds>(*left).count();
    if (auto const& left = status.budget->credits) budget["creditsLeft"] = *left;
    budget["until"] = rfc3339(status.budget->period.to);
  }
  if (!status.holding.empty()) out["holding"] = status.holding;
  if (status.last_failure) out["failure"] = to_json(*status.last_failure);
  return out;
}

Json ended(std::string_view id, std::string_view status, RuntimeId const& runtime,
           RunId const& run) {
  return {{"id", id}, {"status", status}, {"runtimeId", runtime.value}, {"runId", run.value}};
}

Json to_json(api::Invocation const& invocation) {
  auto out = ended(invocation.id.value, invocation.status, invocation.runtime, invocation.run);
  out["action"] = invocation.action;
  if (!invocation.output_json.empty())
    out["output"] = Json::parse(invocation.output_json, nullptr, false);
  if (!invocation.error_code.empty())
    out["error"] = {{"code", invocation.error_code}, {"message", invocation.error_message}};
  return out;
}

Json to_json(api::HumanAction const& action) {
  return ended(action.id, action.status, action.runtime, action.run);
}

std::optional<std::chrono::seconds> seconds_in(Json const& body, char const* name) {
  if (!body.is_object() || !body.contains(name) || !body[name].is_number_integer())
    return std::nullopt;
  return std::chrono::seconds(std::max<std::int64_t>(0, body[name].get<std::int64_t>()));
}

// Titles and reasons may hold any bytes: never throw on bad UTF-8.
std::string dump(Json const& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

net::HttpReply json_reply(unsigned status, Json const& body) {
  net::HttpReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", "application/json");
  reply.body = dump(body);
  return reply;
}

net::HttpReply error_reply(Failure const& failure) {
  return json_reply(failure.kind().http_status, Json{{"error", to_json(failure)}});
}

}  // namespace

std::string Control::status_json() {
  auto const& backend = daemon_.backend();
  Json bridges = Json::array();
  for (auto const& listed : daemon_.bridges()) bridges.push_back(to_json(listed));
  return dump(Json{{"version", version()},
                   {"pid", ::getpid()},
                   {"draining", daemon_.draining()},
                   {"backend",
                    {{"kind", backend.kind},
                     {"description", backend.description},
                     {"baseUrl", backend.base_url}}},
                   {"service", daemon_.service_address()},
                   {"bridges", std::move(bridges)},
                   {"left", daemon_.left_running()}});
}

std::string Control::locator_json() {
  Json bridges = Json::array();
  for (auto const& listed : daemon_.bridges())
    bridges.push_back(
        {{"name", listed.bridge->config().name}, {"http", listed.http}, {"ws", listed.ws}});
  return dump(Json{{"pid", ::getpid()},
                   {"service", daemon_.service_address()},
                   {"bridges", std::move(bridges)}});
}

awaitable<void> Control::handle(net::HttpExchange& exchange) {
  auto reply = co_await answer(exchange);
  co_await exchange.reply(std::move(reply));
}

awaitable<net::HttpReply> Control::answer(net::HttpExchange& exchange) {
  constexpr std::string_view kBridges = "/bridges/";
  auto const& method = exchange.request().method;
  auto const& path = exchange.request().target;
  if (path == "/status" && method == "GET") {
    net::HttpReply reply;
    reply.headers.emplace_back("Content-Type", "application/json");
    reply.body = status_json();
    co_return reply;
  }
  if (path == "/shutdown" && method == "POST") {
    auto const body = Json::parse(exchange.request().body, nullptr, false);
    daemon_.end(seconds_in(body, "drainSeconds"));
    co_return json_reply(200, Json::object());
  }
  if (path == "/reload" && method == "POST") co_return co_await reload();
  if (method == "POST" && (path == "/gc" || path == "/gc/dry-run"))
    co_return co_await collect(path != "/gc");
  if (path.starts_with(kBridges)) {
    auto const rest = path.substr(kBridges.size());
    auto const slash = rest.find('/');
    auto name = net::percent_decode(std::string_view(rest).substr(0, slash));
    auto verb = slash == std::string::npos ? std::string() : rest.substr(slash + 1);
    co_return co_await act(exchange, std::move(name), std::move(verb));
  }
  co_return error_reply(Failure("NOT_FOUND", "no such path"));
}

awaitable<net::HttpReply> Control::collect(bool dry_run) {
  auto const reaped = co_await daemon_.reap(dry_run);
  if (!reaped) co_return error_reply(reaped.error());
  co_return json_reply(200, to_json(*reaped));
}

awaitable<net::HttpReply> Control::reload() {
  auto const done = co_await daemon_.reload();
  if (!done) co_return error_reply(done.error());
  Json bridges = Json::array();
  for (auto const& bridge : done->bridges)
    bridges.push_back(
        {{"name", bridge.name}, {"change", to_text(bridge.change)}, {"keys", bridge.keys}});
  co_return json_reply(200, {{"bridges", std::move(bridges)},
                             {"keys", done->keys},
                             {"atNextStart", done->fixed},
                             {"left", daemon_.left_running()}});
}

awaitable<FailureOr<>> Control::tell(Bridge& bridge, std::string_view verb, Json const& body) {
  if (verb == "up") {
    if (auto refused = bridge.waits_for_acquire()) co_return std::move(*refused);
    co_return co_await bridge.up();
  }
  if (verb == "stop") co_return co_await bridge.stop_runtime();
  if (verb == "release") co_return co_await bridge.release(seconds_in(body, "forSeconds"));
  co_return co_await bridge.acquire();
}

awaitable<net::HttpReply> Control::hand_over(net::HttpExchange& exchange, Bridge& bridge,
                                             std::string verb) {
  auto const& body = exchange.request().body;
  if (verb == "invoke") {
    auto const ended = co_await bridge.invoke(exchange, body);
    co_return ended ? json_reply(200, to_json(*ended)) : error_reply(ended.error());
  }
  auto const asked = Json::parse(body, nullptr, false);
  auto message = asked.is_object() ? asked.value("message", std::string()) : std::string();
  auto const limit = seconds_in(asked, "timeoutSeconds");
  auto const ended = co_await bridge.ask_human(exchange, std::move(message), limit);
  co_return ended ? json_reply(200, to_json(*ended)) : error_reply(ended.error());
}

awaitable<net::HttpReply> Control::act(net::HttpExchange& exchange, std::string name,
                                       std::string verb) {
  auto const bridge = daemon_.find(name);
  if (bridge == nullptr)
    co_return error_reply(
        Failure("NO_SUCH_BRIDGE", fmt::format("no bridge is named \"{}\"", name)));
  auto const& method = exchange.request().method;
  if (method == "POST" && (verb == "invoke" || verb == "human"))
    co_return co_await hand_over(exchange, *bridge, std::move(verb));
  bool const told = method == "POST" &&
                    (verb == "up" || verb == "stop" || verb == "release" || verb == "acquire");
  if (told) {
    auto const body = Json::parse(exchange.request().body, nullptr, false);
    auto const done = co_await tell(*bridge, verb, body);
    if (!done) co_return error_reply(done.error());
  } else if (method != "GET" || !verb.empty()) {
    auto refused = error_reply(Failure("NOT_FOUND", "no such action"));
    refused.status = 405;
    co_return refused;
  }
  for (auto const& listed : daemon_.bridges())
    if (listed.bridge == bridge.get()) co_return json_reply(200, to_json(listed));
  co_return error_reply(
      Failure("NO_SUCH_BRIDGE", fmt::format("bridge \"{}\" has been taken away meanwhile", name)));
}

}  // namespace bridge
