#include "daemon/control_client.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>

#include "config/paths.hpp"
#include "daemon/failure.hpp"
#include "net/tasks.hpp"
#include "net/unix_client.hpp"

namespace bridge {
namespace {

constexpr auto kAnswerLimit = 10min;

awaitable<void> ask(net::Loop& loop, std::string path, net::HttpRequest request,
                    Result<net::HttpReply>& out) {
  out = co_await net::request_unix(loop, std::move(path), std::move(request), kAnswerLimit);
}

ControlAnswer explain(net::HttpReply const& reply) {
  ControlAnswer out;
  auto const body = nlohmann::json::parse(reply.body, nullptr, false);
  auto const error =
      body.is_object() ? body.value("error", nlohmann::json::object()) : nlohmann::json::object();
  auto const code = error.value("code", std::string("UNKNOWN"));
  auto const* kind = find_failure(code);
  out.exit = kind != nullptr ? kind->exit : exit_code::failure;
  out.error =
      fmt::format("[{}] {}", code, error.value("message", std::string("the daemon refused")));
  if (error.contains("requestId"))
    out.error += fmt::format(" (request {})", error.value("requestId", std::string()));
  if (kind != nullptr) out.error += fmt::format(". {}", kind->way_out);
  return out;
}

}  // namespace

ControlAnswer ask_daemon(config::Env const& env, std::string method, std::string path) {
  auto const run_dir = config::runtime_dir(env);
  if (!run_dir) return {exit_code::no_daemon, run_dir.error().text(), {}};
  net::Loop loop;
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(path);
  Result<net::HttpReply> reply = Error(Errc::cancelled, "ask the daemon");
  net::Tasks tasks(loop.executor());
  tasks.spawn("ask", ask(loop, *run_dir + "/control.sock", std::move(request), reply));
  loop.run();
  if (!reply)
    return {exit_code::no_daemon,
            fmt::format("the daemon is not running ({}). Start it with `bctrl-bridge serve`",
                        reply.error().text()),
            {}};
  if (reply->status != 200) return explain(*reply);
  return {exit_code::ok, {}, std::move(reply->body)};
}

}  // namespace bridge
