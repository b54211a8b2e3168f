#include "daemon/gc.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "api/rest_platform.hpp"
#include "config/paths.hpp"
#include "daemon/control_client.hpp"
#include "daemon/crash_record.hpp"
#include "daemon/reaching.hpp"
#include "daemon/reaper.hpp"
#include "net/tasks.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

// systemd gives a service's end minutes; its user at a terminal has less patience.
constexpr auto kLimit = 60s;
constexpr std::chrono::milliseconds kCallLimit = 15s;

int fail(int code, std::string_view what) {
  fmt::print(stderr, "bctrl-bridge: {}\n", log::redact(what));
  return code;
}

/// The same work without a daemon.
class Collector {
 public:
  Collector(GcVerb const& verb, config::Loaded const& loaded, config::Env const& env)
      : verb_(verb), config_(loaded.config), loaded_(loaded), env_(env) {}

  int run() {
    if (config_.backend == config::Backend::local)
      return say("nothing to do: browsers of the local backend end with their daemon");
    if (restart_follows())
      return say("nothing done: the service starts again and takes over what still runs");
    auto const directory = config::state_dir(env_);
    if (!directory) return fail(exit_code::failure, directory.error().text());
    // Whoever has never run has left nothing, and has no tag.
    std::error_code ec;
    if (!std::filesystem::exists(*directory + "/owner", ec)) {
      if (!ec) return say("nothing to do");
      return fail(exit_code::failure,
                  fmt::format("state directory {} (XDG_STATE_HOME): {}", *directory, ec.message()));
    }
    auto record = CrashRecord::open(loop_, *directory);
    if (!record) return fail(exit_code::failure, record.error().text());
    record_ = std::move(*record);
    if (auto const failed = open_platform()) return *failed;
    net::Tasks tasks(loop_.executor());
    tasks.spawn("gc", collect_within_limit());
    loop_.run();
    return finish();
  }

 private:
  // What systemd tells ExecStopPost=. After a stop by hand it is "success" or "timeout".
  [[nodiscard]] bool restart_follows() const {
    auto const result = config::env_text(env_, "SERVICE_RESULT");
    constexpr std::array kCrashes{"signal", "core-dump", "watchdog", "oom-kill"};
    return verb_.own && std::any_of(kCrashes.begin(), kCrashes.end(),
                                    [&](auto crash) { return result == crash; });
  }

  std::optional<int> open_platform() {
    auto reaching = make_reach(config_.api, env_);
    if (!reaching) return fail(exit_code::configuration, reaching.error().text());
    reaching_ = std::move(*reaching);
    auto key = find_configured_key(loaded_, env_);
    if (!key) return fail(exit_code::authentication, key.error().text());
    api::RestOptions rest;
    rest.base_url = config_.api.base_url;
    rest.key = std::move(key->key);
    rest.timeout = std::min(config_.api.timeout, kCallLimit);
    rest.start_timeout = kLimit;
    rest.retry_seed = static_cast<std::uint64_t>(::getpid());
    auto platform = api::RestPlatform::make(loop_, reaching_.reach, rest);
    if (!platform) return fail(exit_code::configuration, platform.error().text());
    platform_ = std::move(*platform);
    return std::nullopt;
  }

  awaitable<void> collect_within_limit() {
    asio::steady_timer timer(loop_.executor(), kLimit);
    auto const first = co_await (collect_all() || timer.async_wait(no_throw));
    if (first.index() == 1) trouble_.push_back(fmt::format("no end within {} s", kLimit.count()));
    co_await record_->finish();
  }

  awaitable<void> collect_all() {
    auto const left = record_->left().all();
    for (auto const& [bridge, holding] : left) co_await end_one(bridge, holding);
    Reaper::Options options;
    options.owner = record_->owner();
    options.dry_run = verb_.dry_run;
    options.is_kept = [this](std::string const& bridge) { return is_kept(bridge); };
    Reaper reaper(*platform_, std::move(options));
    auto reaped = co_await reaper.reap();
    if (!reaped) {
      trouble_.push_back(reaped.error().text());
      co_return;
    }
    // What stands in the journal often has our tag, too.
    for (auto& one : *reaped) add_word(reaped_, std::move(one));
  }

  // By the journal: also runs that we have started of runtimes that are not tagged.
  awaitable<void> end_one(std::string bridge, Holding holding) {
    bool const open = !holding.starting.empty() || (!holding.run.empty() && holding.ours);
    if (!open) co_return;
    Reaped out;
    out.runtime = holding.runtime;
    out.name = "by the journal";
    out.bridge = bridge;
    out.fate = is_kept(bridge) ? Reaped::Fate::kept
               : verb_.dry_run ? Reaped::Fate::would_stop
                               : Reaped::Fate::stopped;
    if (out.fate == Reaped::Fate::stopped) {
      auto const ended = co_await end_left(*platform_, bridge, holding, record_->left_lately());
      if (!ended) {
        out.fate = Reaped::Fate::failed;
        out.why = ended.error().text();
      } else {
        Happening over;
        over.kind = Happening::Kind::ended;
        over.bridge = bridge;
        record_->note_soon(std::move(over));
      }
    }
    add_word(reaped_, std::move(out));
  }

  [[nodiscard]] bool is_kept(std::string const& bridge) const {
    return std::any_of(config_.bridges.begin(), config_.bridges.end(), [&](auto const& one) {
      return one.name == bridge && one.on_exit == config::OnExit::keep;
    });
  }

  int say(std::string_view line) const {
    if (verb_.json) {
      fmt::print("{}\n", Json{{"runtimes", Json::array()}, {"message", line}}.dump(2));
    } else {
      fmt::print("{}\n", line);
    }
    return exit_code::ok;
  }

  int finish() {
    bool failed = !trouble_.empty();
    for (auto const& one : reaped_) {
      failed = failed || one.fate == Reaped::Fate::failed;
      if (!verb_.json) fmt::print("{}\n", to_line(one));
    }
    if (verb_.json) fmt::print("{}\n", to_json(reaped_).dump(2));
    if (reaped_.empty() && !failed && !verb_.json) (void)say("nothing to do");
    for (auto const& line : trouble_) (void)fail(exit_code::unavailable, line);
    return failed ? exit_code::unavailable : exit_code::ok;
  }

  GcVerb const& verb_;
  config::Config const& config_;
  config::Loaded const& loaded_;
  config::Env const& env_;
  net::Loop loop_;
  Reaching reaching_;
  std::unique_ptr<CrashRecord> record_;
  std::unique_ptr<api::RestPlatform> platform_;
  std::vector<Reaped> reaped_;
  std::vector<std::string> trouble_;
};

int print_answer(GcVerb const& verb, ControlAnswer const& answer) {
  auto const all = Json::parse(answer.body);
  bool failed = false;
  for (auto const& one : all["runtimes"]) {
    failed = failed || one["failed"].get<bool>();
    if (!verb.json) fmt::print("{}\n", one["line"].get<std::string>());
  }
  if (verb.json) fmt::print("{}", answer.body);
  if (!verb.json && all["runtimes"].empty()) fmt::print("nothing to do\n");
  return failed ? exit_code::unavailable : exit_code::ok;
}

}  // namespace

int collect(GcVerb const& verb, config::Loaded const& loaded, config::Env const& env) {
  log::setup(loaded.config.logging.level, loaded.config.logging.format);
  if (verb.own) return Collector(verb, loaded, env).run();
  auto const answer = ask_daemon(env, "POST", verb.dry_run ? "/gc/dry-run" : "/gc");
  if (answer.error.empty()) return print_answer(verb, answer);
  if (answer.exit != exit_code::no_daemon) return fail(answer.exit, answer.error);
  return Collector(verb, loaded, env).run();
}

}  // namespace bridge
