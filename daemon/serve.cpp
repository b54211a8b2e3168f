#include "daemon/serve.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "api/rest_platform.hpp"
#include "base/version.hpp"
#include "config/paths.hpp"
#include "daemon/banner.hpp"
#include "daemon/daemon.hpp"
#include "daemon/embedded.hpp"
#include "daemon/ending.hpp"
#include "daemon/locator.hpp"
#include "daemon/port_owner.hpp"
#include "daemon/reaching.hpp"
#include "daemon/usage_verb.hpp"
#include "systemd/notify.hpp"

namespace bridge {
namespace {

constexpr std::string_view kOtherPort =
    "Stop that program, or set another port (port: 0 takes any free one)";

/// One line on stderr for a start that failed, with what to do about it.
int fail(int code, std::string_view what, std::string_view way_out) {
  auto line = fmt::format("bctrl-bridge: {}", what);
  if (!way_out.empty()) line += fmt::format(". {}", way_out);
  fmt::print(stderr, "{}\n", log::redact(line));
  return code;
}

/// `own_state` is the way out when another process uses the state directory.
int fail_backend(Error const& error, std::string_view own_state) {
  auto const code = error.is(Errc::not_found) ? exit_code::configuration : exit_code::failure;
  bool const in_use = error.code == boost::system::errc::resource_unavailable_try_again;
  bool const port_taken = error.code == asio::error::address_in_use;
  return fail(code, error.text(), in_use ? own_state : port_taken ? kOtherPort : "");
}

void say(std::string_view text) {
  fmt::print(stdout, "{}\n", text);
  std::fflush(stdout);
}

Result<std::string> local_state_dir(config::Config const& config, config::Env const& env) {
  if (config.local.in_memory) return std::string();
  auto path = config.local.state_dir;
  if (path.empty()) {
    auto const base = config::make_state_dir(env);
    if (!base) return base.error();
    path = *base + "/local";
  }
  if (auto const made = config::make_private_dir(path); !made) return made.error();
  return path;
}

/// What REST the bridges use: the embedded backend or the cloud.
struct Backing {
  std::unique_ptr<EmbeddedBackend> embedded;
  std::unique_ptr<api::RestPlatform> platform;
  BackendInfo info;
};

class Server {
 public:
  Server(config::Loaded const& loaded, config::Sources const& sources)
      : loaded_(loaded), config_(loaded.config), sources_(sources), env_(sources.env) {}

  int run();

 private:
  [[nodiscard]] std::optional<int> check_ports() const;
  std::optional<int> open_record();
  std::optional<int> open_backing();
  std::optional<int> open_ledger();
  std::optional<int> open_local(api::RestOptions& rest);
  std::optional<int> open_cloud(api::RestOptions& rest);
  [[nodiscard]] bool needs_platform() const;
  awaitable<void> live(Daemon& daemon, asio::signal_set& signals);
  awaitable<int> wait_for_end(asio::signal_set& signals, net::Tasks& helpers, Daemon& daemon);
  awaitable<FailureOr<config::Diff>> reload(Daemon& daemon);
  awaitable<FailureOr<config::Diff>> read_and_change(Daemon& daemon);
  awaitable<void> reload_at_signal(Daemon& daemon);
  void note_chosen_ports(config::Loaded const& loaded, config::Config const& running);
  [[nodiscard]] FailureOr<config::Loaded> read_again(Daemon const& daemon) const;
  awaitable<void> watch_key();
  awaitable<void> ping_watchdog(Duration every);

  config::Loaded const& loaded_;
  config::Config const& config_;
  config::Sources const& sources_;
  config::Env const& env_;
  net::Loop loop_;
  Reaching reaching_;
  Backing backing_;
  std::unique_ptr<CrashRecord> record_;
  std::unique_ptr<Ledger> ledger_;
  systemd::Notifier notifier_{env_};
  std::vector<std::string> files_;  // in the runtime directory, while we run
  std::optional<Locator> locator_;
  /// Of bridges that have theirs without a word in the configuration.
  std::map<std::string, std::uint16_t> chosen_ports_;
  std::string file_;  // read last
  Terminal terminal_;
  int exit_ = exit_code::ok;
};

bool Server::needs_platform() const {
  return std::any_of(config_.bridges.begin(), config_.bridges.end(),
                     [](config::Bridge const& bridge) { return bridge.runtime.has_value(); });
}

std::optional<int> Server::open_local(api::RestOptions& rest) {
  auto const state = local_state_dir(config_, env_);
  if (!state) return fail(exit_code::failure, state.error().text(), "");
  auto embedded = EmbeddedBackend::start(config_.local, *state);
  if (!embedded)
    return fail_backend(embedded.error(),
                        "Stop it, or give this daemon another XDG_STATE_HOME or local.state_dir");
  backing_.embedded = std::move(*embedded);
  rest.base_url = backing_.embedded->base_url();
  rest.key = backing_.embedded->key();
  backing_.info.description = fmt::format("local backend, real Chromium {}, nothing goes to BCTRL",
                                          backing_.embedded->chromium_version());
  return std::nullopt;
}

std::optional<int> Server::open_cloud(api::RestOptions& rest) {
  auto key = find_configured_key(loaded_, env_);
  if (!key) return fail(exit_code::authentication, key.error().text(), "");
  rest.base_url = config_.api.base_url;
  rest.key = std::move(key->key);
  log::write(LogLevel::info, fmt::format("API key from {}", key->source));
  backing_.info.description =
      fmt::format("BCTRL cloud at {}, key from {}", rest.base_url, key->source);
  return std::nullopt;
}

std::optional<int> Server::open_backing() {
  auto reaching = make_reach(config_.api, env_);
  if (!reaching) return fail(exit_code::configuration, reaching.error().text(), "");
  reaching_ = std::move(*reaching);
  if (!needs_platform()) {
    backing_.info.kind = "none";
    backing_.info.description = "no backend: every bridge has a fixed upstream";
    return std::nullopt;
  }
  bool const local = config_.backend == config::Backend::local;
  api::RestOptions rest;
  rest.timeout = config_.api.timeout;
  rest.start_timeout = config_.api.start_timeout;
  rest.retry_seed = static_cast<std::uint64_t>(::getpid());
  if (auto const failed = local ? open_local(rest) : open_cloud(rest)) return failed;
  backing_.info.kind = local ? "local" : "cloud";
  backing_.info.base_url = rest.base_url;
  auto platform = api::RestPlatform::make(loop_, reaching_.reach, rest);
  if (!platform) return fail(exit_code::configuration, platform.error().text(), "");
  backing_.platform = std::move(*platform);
  return std::nullopt;
}

// Without it the bridges work as well, but a budget has nothing to go by.
std::optional<int> Server::open_ledger() {
  if (!needs_platform()) return std::nullopt;
  auto opened = open_ledger_of(env_);
  if (opened) {
    ledger_ = std::move(*opened);
    return std::nullopt;
  }
  bool const needed =
      std::any_of(config_.bridges.begin(), config_.bridges.end(), [](auto const& bridge) {
        return bridge.budget.time.count() > 0 || bridge.budget.credits > 0;
      });
  if (needed)
    return fail(exit_code::failure, opened.error().text(),
                "A bridge has a budget, which is measured by that file");
  log::write(LogLevel::warn, fmt::format("runs are not written down: {}", opened.error().text()));
  return std::nullopt;
}

// Before the backend opens its state and looks for a browser; Daemon::listen() finds the rest.
std::optional<int> Server::check_ports() const {
  auto const check = [](std::uint16_t port, std::string_view what) -> std::optional<int> {
    auto const taken = taken_address(port);
    if (!taken) return std::nullopt;
    auto const owner = port_owner(port);
    auto const by = owner.empty() ? "" : fmt::format(" (taken by {})", owner);
    return fail(exit_code::failure, fmt::format("{}: {} is in use{}", what, *taken, by),
                kOtherPort);
  };
  if (auto const failed = check(config_.service.port, "service port")) return failed;
  for (auto const& bridge : config_.bridges)
    if (auto const failed = check(bridge.port.value_or(0), "bridge " + bridge.name)) return failed;
  return std::nullopt;
}

// Without it a crash would leave paid runtimes behind that nobody knows of.
std::optional<int> Server::open_record() {
  constexpr std::string_view kElsewhere =
      "Stop that process, or set XDG_STATE_HOME to have another state directory";
  auto const directory = config::make_state_dir(env_);
  if (!directory) return fail(exit_code::failure, directory.error().text(), "");
  auto record = CrashRecord::open(loop_, *directory);
  if (!record)
    return fail(exit_code::failure,
                fmt::format("[START_FAILED] what must survive a crash cannot be kept: {}",
                            record.error().text()),
                record.error().is(Errc::refused) ? kElsewhere : "");
  record_ = std::move(*record);
  return std::nullopt;
}

int Server::run() {
  auto const run_dir = config::runtime_dir(env_);
  if (!run_dir) return fail(exit_code::failure, run_dir.error().text(), "");
  if (auto const made = config::make_private_dir(*run_dir); !made)
    return fail(exit_code::failure, made.error().text(), "");
  auto const socket = *run_dir + "/control.sock";
  if (auto const fits = config::check_socket_path(socket); !fits)
    return fail(exit_code::failure, fits.error().text(), "");
  // Before anything is opened: what the other one holds would be refused with less clear words.
  if (auto const other = socket_owner(socket))
    return fail(exit_code::failure,
                fmt::format("the daemon of this user runs already (pid {})", *other),
                "`bctrl-bridge status` shows it; stop it, or set XDG_RUNTIME_DIR and "
                "XDG_STATE_HOME to run another");
  if (auto const failed = check_ports()) return *failed;
  if (auto const failed = open_backing()) return *failed;
  if (auto const failed = open_record()) return *failed;
  if (auto const failed = open_ledger()) return *failed;

  files_ = {socket, *run_dir + "/bridges.json"};
  Daemon daemon(loop_, config_, reaching_.reach, backing_.platform.get(), backing_.info,
                record_.get());
  if (ledger_) daemon.keep_ledger(*ledger_);
  if (auto const bound = daemon.listen(socket); !bound) {
    bool const in_use = bound.error().code == asio::error::address_in_use;
    return fail(exit_code::failure, bound.error().text(), in_use ? kOtherPort : "");
  }
  auto locator = Locator::write(files_.back(), daemon.locator_json());
  if (!locator) return fail(exit_code::failure, locator.error().text(), "");
  locator_.emplace(std::move(*locator));
  note_chosen_ports(loaded_, config_);
  file_ = loaded_.file;
  daemon.reload_by([this, &daemon] { return reload(daemon); });

  asio::signal_set signals(loop_.io());
  add_ending_signals(signals);
  daemon.start();
  say(banner(daemon, env_));
  notifier_.ready(backing_.info.description);
  net::Tasks tasks(loop_.executor());
  tasks.spawn("serve", live(daemon, signals));
  loop_.run();
  return exit_;
}

awaitable<void> Server::live(Daemon& daemon, asio::signal_set& signals) {
  net::Tasks helpers(loop_.executor());
  if (auto const every = notifier_.watchdog_interval())
    helpers.spawn("watchdog", ping_watchdog(*every));
  if (backing_.info.kind == "cloud") helpers.spawn("key check", watch_key());
  auto const ended = co_await (wait_for_end(signals, helpers, daemon) || daemon.end_wanted());
  auto const first = ended.index() == 0 ? std::get<0>(ended) : 0;
  notifier_.stopping();
  // A start under way is waited for, so that no paid runtime is left behind.
  auto const patience = config_.api.start_timeout + config_.api.timeout;
  notifier_.extend(patience + std::chrono::ceil<std::chrono::milliseconds>(daemon.drain()));
  bool const by_signal = ended.index() == 0;
  say(by_signal ? "stopping; once more to end at once" : "stopping");
  std::function<std::string()> const warning = [&daemon] {
    return fmt::format("ended at once{}", daemon.may_still_run());
  };
  helpers.spawn("second signal", end_at_second_signal(signals, terminal_, first, files_, warning));
  auto const lines = co_await daemon.shut_down();
  for (auto const& line : lines) say(line);
  helpers.stop();
  co_await helpers.join();
}

awaitable<int> Server::wait_for_end(asio::signal_set& signals, net::Tasks& helpers,
                                    Daemon& daemon) {
  for (;;) {
    int const number = co_await wait_for_signal(signals);
    if (number != SIGHUP || terminal_.has_gone()) co_return number;
    helpers.spawn("reload", reload_at_signal(daemon));
  }
}

awaitable<void> Server::reload_at_signal(Daemon& daemon) {
  (void)co_await reload(daemon);  // it has been logged
}

void Server::note_chosen_ports(config::Loaded const& loaded, config::Config const& running) {
  chosen_ports_.clear();
  auto const& bridges = loaded.config.bridges;
  for (std::size_t i = 0; i < bridges.size(); ++i) {
    auto const& [name, port] = std::tie(bridges[i].name, bridges[i].port);
    bool const runs =
        std::any_of(running.bridges.begin(), running.bridges.end(),
                    [&](auto const& bridge) { return bridge.name == name && bridge.port == port; });
    if (runs && !loaded.origins.has(fmt::format("bridges[{}].port", i)))
      chosen_ports_.emplace(name, *port);
  }
}

awaitable<FailureOr<config::Diff>> Server::reload(Daemon& daemon) {
  notifier_.reloading();
  log::write(LogLevel::info, "reloads");
  auto done = co_await read_and_change(daemon);
  if (done) {
    for (auto const& key : done->fixed)
      log::write(LogLevel::warn, fmt::format("{} takes effect at the next start", key));
    auto const from = file_.empty() ? "the defaults" : file_;
    for (auto const& key : done->keys) log::write(LogLevel::info, fmt::format("{} changed", key));
    log::write(LogLevel::info, fmt::format("reloaded from {}{}", from,
                                           done->empty() ? ": nothing has changed" : ""));
  } else {
    log::write(LogLevel::error, fmt::format("{}. {}", done.error().text(), done.error().way_out()));
  }
  if (!daemon.draining())
    notifier_.ready(done ? backing_.info.description
                         : fmt::format("reload failed: {}", done.error().text()));
  co_return done;
}

FailureOr<config::Loaded> Server::read_again(Daemon const& daemon) const {
  auto sources = sources_;
  sources.running = config::Running{daemon.config().backend, chosen_ports_};
  auto loaded = config::load_config(sources);
  if (!loaded) return Failure("CONFIG_INVALID", loaded.error().text());
  // Without it there would be the defaults, and every bridge would be taken away.
  if (!file_.empty() && loaded->file != file_)
    return Failure("CONFIG_INVALID", fmt::format("{} is not there any more", file_));
  return std::move(*loaded);
}

awaitable<FailureOr<config::Diff>> Server::read_and_change(Daemon& daemon) {
  config::Loaded read;
  auto const next = [this, &daemon, &read]() -> FailureOr<config::Config> {
    auto loaded = read_again(daemon);
    if (!loaded) return loaded.error();
    read = std::move(*loaded);
    return read.config;
  };
  auto done = co_await daemon.change_to(next);
  if (!done && done.error().code != "PORT_UNAVAILABLE") co_return done;
  // Also where one port was not to be had: the other bridges are as they are to be.
  auto const& logging = daemon.config().logging;
  log::setup(logging.level, logging.format);
  note_chosen_ports(read, daemon.config());
  file_ = read.file;
  if (auto const written = locator_->rewrite(daemon.locator_json()); !written)
    log::write(LogLevel::warn, written.error().text());
  co_return done;
}

// A wrong key will not get better by waiting; an API that is down will.
awaitable<void> Server::watch_key() {
  auto const who = co_await backing_.platform->whoami();
  if (who) co_return;
  auto const failure = failure_of(who.error(), "check the API key");
  log::write(LogLevel::error, fmt::format("{}. {}", failure.text(), failure.way_out()));
  if (failure.code != "AUTH") co_return;
  exit_ = exit_code::authentication;
  std::raise(SIGTERM);
}

awaitable<void> Server::ping_watchdog(Duration every) {
  for (;;) {
    notifier_.ping();
    if (!co_await net::sleep_for(every)) co_return;
  }
}

awaitable<void> run_backend_alone(EmbeddedBackend& backend, asio::signal_set& signals) {
  say(
      fmt::format("\nbctrl-bridge {}\n  local backend, real Chromium {}, nothing goes to BCTRL\n"
                  "  BCTRL_BASE_URL={}\n  any key that starts with local_ is accepted\n",
                  version(), backend.chromium_version(), backend.base_url()));
  (void)co_await wait_for_signal(signals);
  say("stopping");
}

}  // namespace

int serve(config::Loaded const& loaded, config::Sources const& sources) {
  std::signal(SIGPIPE, SIG_IGN);
  log::setup(loaded.config.logging.level, loaded.config.logging.format);
  return Server(loaded, sources).run();
}

int serve_local(LocalVerb const& verb, config::Loaded const& loaded, config::Env const& env) {
  std::signal(SIGPIPE, SIG_IGN);
  log::setup(loaded.config.logging.level, loaded.config.logging.format);
  auto config = loaded.config;
  config.local.port = verb.port;
  config.local.in_memory = config.local.in_memory || verb.in_memory;
  config.local.concurrent = config.local.concurrent || verb.concurrent;
  config.local.recording = config.local.recording || verb.recording;
  if (!verb.state.empty()) config.local.state_dir = verb.state;
  auto const state = local_state_dir(config, env);
  if (!state) return fail(exit_code::failure, state.error().text(), "");
  auto backend = EmbeddedBackend::start(config.local, *state);
  if (!backend)
    return fail_backend(backend.error(),
                        "Name another directory with --state, or keep nothing with --in-memory");
  net::Loop loop;
  asio::signal_set signals(loop.io());
  add_ending_signals(signals);
  net::Tasks tasks(loop.executor());
  tasks.spawn("local", run_backend_alone(**backend, signals));
  loop.run();
  return exit_code::ok;
}

}  // namespace bridge
