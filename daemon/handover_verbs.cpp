#include "daemon/handover_verbs.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.hpp"
#include "config/units.hpp"
#include "daemon/control_client.hpp"
#include "daemon/failure.hpp"
#include "net/url.hpp"

namespace bridge {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr auto kAtOnce = 10min;   // what waits for a start, or for commands under way
constexpr auto kAtLength = 24h;   // an invocation, or a person, has its own limit
constexpr auto kEndSlack = 150s;  // of a daemon that waits for a start, and stops runtimes

int fail(int code, std::string_view line) {
  fmt::print(stderr, "bctrl-bridge: {}\n", log::redact(std::string(line)));
  return code;
}

std::string path_of(std::string_view name, std::string_view verb) {
  return fmt::format("/bridges/{}/{}", net::percent_encode(name), verb);
}

/// {"<name>": seconds}, or {} when no time was given. None: it is not a time.
std::optional<Json> with_time(std::string const& time, char const* name) {
  auto body = Json::object();
  if (time.empty()) return body;
  auto const parsed = config::parse_duration(time);
  if (!parsed) return std::nullopt;
  body[name] = std::chrono::ceil<std::chrono::seconds>(*parsed).count();
  return body;
}

int no_time(std::string const& text) {
  return fail(exit_code::usage, fmt::format("{} is not a time; write 30s, 5m or 1h", text));
}

std::optional<std::string> read_all(std::string const& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// 0 when what was asked for has been done, and what its end means otherwise.
int exit_of(std::string const& status) {
  if (status == "succeeded" || status == "completed") return exit_code::ok;
  return status == "timed_out" || status == "expired" ? exit_code::timed_out : exit_code::failure;
}

int print_end(ControlAnswer const& answer) {
  if (!answer.error.empty()) return fail(answer.exit, answer.error);
  fmt::print("{}", answer.body);
  return exit_of(Json::parse(answer.body).value("status", std::string()));
}

int print_state(ControlAnswer const& answer) {
  if (!answer.error.empty()) return fail(answer.exit, answer.error);
  auto const bridge = Json::parse(answer.body);
  auto const reason = bridge.value("reason", std::string());
  fmt::print("{}  {}{}{}\n", bridge.value("name", std::string()),
             bridge.value("state", std::string()), reason.empty() ? "" : "  ", reason);
  return exit_code::ok;
}

}  // namespace

int HandoverVerbs::release(config::Env const& env) const {
  auto const body = with_time(time, "forSeconds");
  if (!body) return no_time(time);
  if (body->value("forSeconds", 1) == 0)
    return fail(exit_code::usage, "a release for 0s ends at once; write 30s, 5m or 1h");
  return print_state(tell_daemon(env, path_of(name, "release"), body->dump(), kAtOnce));
}

int HandoverVerbs::acquire(config::Env const& env) const {
  return print_state(tell_daemon(env, path_of(name, "acquire"), "{}", kAtOnce));
}

int HandoverVerbs::invoke(config::Env const& env) const {
  auto given = fields;
  if (!action.empty()) given.push_back({"action=" + action, false});
  std::string body;
  if (!input.empty()) {
    if (!given.empty())
      return fail(exit_code::usage, "--input is the whole body: leave --action and fields out");
    auto read = read_all(input);
    if (!read) return fail(exit_code::failure, fmt::format("{} cannot be read", input));
    body = std::move(*read);
  } else {
    auto made = fields_to_json(given);
    if (!made) return fail(exit_code::usage, made.error().text());
    body = std::move(*made);
  }
  return print_end(tell_daemon(env, path_of(name, "invoke"), std::move(body), kAtLength));
}

int HandoverVerbs::ask_human(config::Env const& env) const {
  auto body = with_time(time, "timeoutSeconds");
  if (!body) return no_time(time);
  (*body)["message"] = message;
  return print_end(tell_daemon(env, path_of(name, "human"), body->dump(), kAtLength));
}

// Returns when the process has ended: what comes next may start another.
int HandoverVerbs::shut_down(config::Env const& env) const {
  auto const body = with_time(time, "drainSeconds");
  if (!body) return no_time(time);
  auto const status = ask_daemon(env, "GET", "/status");
  if (!status.error.empty()) return fail(status.exit, status.error);
  auto const pid = Json::parse(status.body).value("pid", 0);
  auto const told = tell_daemon(env, "/shutdown", body->dump(), kAtOnce);
  if (!told.error.empty()) return fail(told.exit, told.error);
  auto const drain = std::chrono::seconds(body->value("drainSeconds", 0));
  auto const until = std::chrono::steady_clock::now() + drain + kEndSlack;
  while (::kill(pid, 0) == 0 || errno == EPERM) {
    if (std::chrono::steady_clock::now() >= until)
      return fail(exit_code::timed_out, fmt::format("the daemon (pid {}) is still ending", pid));
    std::this_thread::sleep_for(50ms);
  }
  fmt::print("the daemon (pid {}) has ended\n", pid);
  return exit_code::ok;
}

}  // namespace bridge
