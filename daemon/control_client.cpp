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

// What the daemon knows it says at once; what it does may take as long as an attach_timeout.
constexpr auto kTellLimit = 5s;
constexpr auto kActLimit = 10min;

awaitable<void> ask(net::Loop& loop, std::string path, net::HttpRequest request, Duration limit,
                    Result<net::HttpReply>& out) {
  out = co_await net::request_unix(loop, std::move(path), std::move(request), limit);
}

ControlAnswer no_answer(Error const& error) {
  bool const nobody =
      error.is(Errc::not_found) || error.code == asio::error::basic_errors::connection_refused;
  auto const* const form =
      nobody ? "the daemon is not running ({}). Start it with `bctrl-bridge serve`"
      : error.is(Errc::timed_out) ? "the daemon does not answer ({}). Its process is there, but "
                                    "stopped or overloaded; when "
                                    "that does not pass, end it and start it again"
                                  : "the daemon cannot be asked ({})";
  return {exit_code::no_daemon, fmt::format(fmt::runtime(form), error.text()), {}};
}

ControlAnswer explain(net::HttpReply const& reply) {
  ControlAnswer out;
  auto const body = nlohmann::json::parse(reply.body, nullptr, false);
  auto const error =
      body.is_object() ? body.value("error", nlohmann::json::object()) : nlohmann::json::object();
  auto const code = error.value("code", std::string());
  if (code.empty())
    return {exit_code::failure,
            fmt::format("the daemon answers in a way that is not understood (HTTP {}). Run the "
                        "daemon and the command line from the same version",
                        reply.status),
            {}};
  auto const* kind = find_failure(code);
  out.exit = kind != nullptr ? kind->exit : exit_code::failure;
  out.error =
      fmt::format("[{}] {}", code, error.value("message", std::string("the daemon refused")));
  if (error.contains("requestId"))
    out.error += fmt::format(" (request {})", error.value("requestId", std::string()));
  if (kind != nullptr) out.error += fmt::format(". {}", kind->way_out);
  return out;
}

ControlAnswer exchange(config::Env const& env, net::HttpRequest request, Duration limit) {
  auto socket = config::find_control_socket(env);
  if (!socket) return {exit_code::no_daemon, socket.error().text(), {}};
  net::Loop loop;
  Result<net::HttpReply> reply = Error(Errc::cancelled, "ask the daemon");
  net::Tasks tasks(loop.executor());
  tasks.spawn("ask", ask(loop, std::move(*socket), std::move(request), limit, reply));
  loop.run();
  if (!reply) return no_answer(reply.error());
  if (reply->status != 200) return explain(*reply);
  return {exit_code::ok, {}, std::move(reply->body)};
}

}  // namespace

ControlAnswer ask_daemon(config::Env const& env, std::string method, std::string path) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(path);
  auto const limit = request.method == "GET" ? Duration(kTellLimit) : Duration(kActLimit);
  return exchange(env, std::move(request), limit);
}

ControlAnswer tell_daemon(config::Env const& env, std::string path, std::string body,
                          std::chrono::milliseconds limit) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = std::move(path);
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  return exchange(env, std::move(request), limit);
}

}  // namespace bridge
