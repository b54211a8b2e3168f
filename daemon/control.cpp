#include "daemon/control.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/version.hpp"
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
  if (!status.holding.empty()) out["holding"] = status.holding;
  if (status.last_failure) out["failure"] = to_json(*status.last_failure);
  return out;
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
                   {"bridges", std::move(bridges)}});
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
  auto const& request = exchange.request();
  auto reply = co_await answer(request.method, request.target);
  co_await exchange.reply(std::move(reply));
}

awaitable<net::HttpReply> Control::answer(std::string method, std::string path) {
  constexpr std::string_view kBridges = "/bridges/";
  if (path == "/status" && method == "GET") {
    net::HttpReply reply;
    reply.headers.emplace_back("Content-Type", "application/json");
    reply.body = status_json();
    co_return reply;
  }
  if (path.starts_with(kBridges)) {
    auto const rest = path.substr(kBridges.size());
    auto const slash = rest.find('/');
    auto name = net::percent_decode(std::string_view(rest).substr(0, slash));
    auto verb = slash == std::string::npos ? std::string() : rest.substr(slash + 1);
    co_return co_await act(std::move(method), std::move(name), std::move(verb));
  }
  co_return error_reply(Failure("NOT_FOUND", "no such path"));
}

awaitable<net::HttpReply> Control::act(std::string method, std::string name, std::string verb) {
  auto* bridge = daemon_.find(name);
  if (bridge == nullptr)
    co_return error_reply(
        Failure("NO_SUCH_BRIDGE", fmt::format("no bridge is named \"{}\"", name)));
  FailureOr<> done;
  if (method == "POST" && verb == "up") {
    done = co_await bridge->up();
  } else if (method == "POST" && verb == "stop") {
    done = co_await bridge->stop_runtime();
  } else if (method != "GET" || !verb.empty()) {
    auto refused = error_reply(Failure("NOT_FOUND", "no such action"));
    refused.status = 405;
    co_return refused;
  }
  if (!done) co_return error_reply(done.error());
  for (auto const& listed : daemon_.bridges())
    if (listed.bridge == bridge) co_return json_reply(200, to_json(listed));
  co_return json_reply(500, Json());
}

}  // namespace bridge
