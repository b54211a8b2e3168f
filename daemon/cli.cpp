#include "daemon/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "config/load.hpp"
#include "config/show.hpp"
#include "daemon/control_client.hpp"
#include "daemon/failure.hpp"
#include "daemon/serve.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

int fail(int code, std::string_view line) {
  fmt::print(stderr, "bctrl-bridge: {}\n", line);
  return code;
}

/// The verbs that talk to a running daemon.
class Client {
 public:
  explicit Client(config::Env const& env) : env_(env) {}

  bool json = false;
  std::string name;

  int status() const {
    auto const answer = ask_daemon(env_, "GET", "/status");
    if (!answer.error.empty()) return fail(answer.exit, answer.error);
    if (json) return print(answer.body);
    auto const all = Json::parse(answer.body);
    fmt::print("bctrl-bridge {}, pid {}\n{}\nservice {}\n", all["version"].get<std::string>(),
               all["pid"].get<int>(), all["backend"]["description"].get<std::string>(),
               all["service"].get<std::string>());
    for (auto const& bridge : all["bridges"]) print_bridge(bridge);
    return exit_code::ok;
  }

  int list() const {
    auto const answer = ask_daemon(env_, "GET", "/status");
    if (!answer.error.empty()) return fail(answer.exit, answer.error);
    auto const all = Json::parse(answer.body);
    if (json) return print(all["bridges"].dump(2) + "\n");
    for (auto const& bridge : all["bridges"])
      fmt::print("{:<20} {:<8} {}\n", bridge["name"].get<std::string>(),
                 bridge["state"].get<std::string>(), bridge["http"].get<std::string>());
    return exit_code::ok;
  }

  int show_env() const {
    auto const answer = ask_daemon(env_, "GET", "/bridges/" + name);
    if (!answer.error.empty()) return fail(answer.exit, answer.error);
    auto const bridge = Json::parse(answer.body);
    auto const text = [&](char const* key) { return bridge[key].get<std::string>(); };
    if (json) {
      Json const out{{"name", text("name")},
                     {"state", text("state")},
                     {"http", text("http")},
                     {"ws", text("ws")}};
      return print(out.dump(2) + "\n");
    }
    // Names that the tools' own documentation uses.
    fmt::print("BCTRL_BRIDGE_HTTP={0}\nBCTRL_BRIDGE_WS={1}\nPLAYWRIGHT_MCP_CDP_ENDPOINT={0}\n",
               text("http"), text("ws"));
    return exit_code::ok;
  }

  int act(std::string_view verb) const {
    auto const answer = ask_daemon(env_, "POST", fmt::format("/bridges/{}/{}", name, verb));
    if (!answer.error.empty()) return fail(answer.exit, answer.error);
    if (json) return print(answer.body);
    print_bridge(Json::parse(answer.body));
    return exit_code::ok;
  }

 private:
  static int print(std::string_view text) {
    fmt::print("{}", text);
    return exit_code::ok;
  }

  static void print_bridge(Json const& bridge) {
    auto const text = [&](char const* key) { return bridge[key].get<std::string>(); };
    fmt::print("{}  {}  {}  {} clients, {} sessions", text("name"), text("state"), text("http"),
               bridge["clients"].get<int>(), bridge["sessions"].get<int>());
    if (bridge["runtimeId"].is_string()) fmt::print(", runtime {}", text("runtimeId"));
    fmt::print("\n");
    if (!text("reason").empty()) fmt::print("    {}\n", text("reason"));
    if (bridge.contains("failure"))
      fmt::print("    {}\n", bridge["failure"]["wayOut"].get<std::string>());
  }

  config::Env const& env_;
};

/// The verbs that read the configuration.
class Configured {
 public:
  explicit Configured(config::Env const& env) { sources_.env = env; }

  config::Overrides flags;
  bool with_origin = false;
  LocalVerb local;

  int serve_daemon() {
    return with_config(
        [this](config::Loaded const& loaded) { return bridge::serve(loaded, sources_.env); });
  }
  int serve_backend() {
    return with_config(
        [this](config::Loaded const& loaded) { return serve_local(local, loaded, sources_.env); });
  }
  int check() {
    return with_config([](config::Loaded const& loaded) {
      fmt::print("{}: valid, {} bridge(s)\n",
                 loaded.file.empty() ? "built-in defaults" : loaded.file,
                 loaded.config.bridges.size());
      return exit_code::ok;
    });
  }
  int show() {
    return with_config([this](config::Loaded const& loaded) {
      auto const with = with_origin ? config::WithOrigin::yes : config::WithOrigin::no;
      fmt::print("{}", config::show_config(loaded.config, loaded.origins, with));
      return exit_code::ok;
    });
  }

 private:
  template <class Then>
  int with_config(Then then) {
    sources_.flags = flags;
    auto const loaded = config::load_config(sources_);
    if (loaded) return then(*loaded);
    fmt::print(stderr, "{}\nbctrl-bridge: the configuration is not valid, nothing was done\n",
               loaded.error().text());
    return exit_code::configuration;
  }

  config::Sources sources_;
};

int explain(std::string const& code) {
  if (code.empty()) {
    for (auto const& kind : failure_kinds()) fmt::print("{:<18} {}\n", kind.code, kind.meaning);
    return exit_code::ok;
  }
  auto const* kind = find_failure(code);
  if (kind == nullptr)
    return fail(exit_code::usage,
                fmt::format("no such code: {}. `bctrl-bridge explain` lists all", code));
  fmt::print("{}\n  {}\n  {}\n  HTTP {}, exit code {}\n", kind->code, kind->meaning, kind->way_out,
             kind->http_status, kind->exit);
  return exit_code::ok;
}

void add_config_flags(CLI::App& verb, config::Overrides& flags) {
  verb.add_option("--config", flags.config, "Configuration file");
  verb.add_option("--backend", flags.backend, "local or cloud");
  verb.add_option("--api-url", flags.base_url, "Base URL of the API");
  verb.add_option("--api-key-file", flags.key_file, "File with the API key; - is standard input");
  verb.add_option("--chromium", flags.chromium, "Browser of the local backend");
  verb.add_option("--service-port", flags.service_port,
                  "Port of health and /b/<name>; 0 is any free one");
  verb.add_option("--log-level", flags.log_level, "trace, debug, info, warn, error or off");
  verb.add_option("--log-format", flags.log_format, "auto, text, json or journal");
}

}  // namespace

int run_cli(int argc, char** argv, config::Env const& env) {
  CLI::App app(
      "Local CDP endpoints for BCTRL runtimes: one runtime, one local port, any number of clients.",
      "bctrl-bridge");
  app.set_version_flag("--version", fmt::format("bctrl-bridge {}", version()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  Client client(env);
  Configured configured(env);
  std::string code;
  int exit = exit_code::ok;
  auto const verb = [](CLI::App& at, char const* name, char const* help,
                       std::function<void()> run) {
    auto* added = at.add_subcommand(name, help);
    added->callback(std::move(run));
    return added;
  };
  auto const named = [&](char const* name, char const* help, std::function<void()> run) {
    auto* added = verb(app, name, help, std::move(run));
    added->add_option("name", client.name, "Bridge")->required();
    added->add_flag("--json", client.json, "Print JSON");
    return added;
  };

  add_config_flags(*verb(app, "serve", "Run the daemon in the foreground",
                         [&] { exit = configured.serve_daemon(); }),
                   configured.flags);
  verb(app, "status", "What the running daemon does", [&] {
    exit = client.status();
  })->add_flag("--json", client.json, "Print JSON");
  verb(app, "ls", "The bridges of the running daemon", [&] {
    exit = client.list();
  })->add_flag("--json", client.json, "Print JSON");
  named("env", "Addresses of a bridge, for tools", [&] { exit = client.show_env(); });
  named("up", "Wake a bridge's runtime and wait for it", [&] { exit = client.act("up"); });
  named("stop", "Send a bridge's clients away and stop its runtime",
        [&] { exit = client.act("stop"); });

  auto* local =
      verb(app, "local", "Run the local backend alone", [&] { exit = configured.serve_backend(); });
  add_config_flags(*local, configured.flags);
  local->add_option("--port", configured.local.port, "Port on 127.0.0.1; 0 is any free one")
      ->capture_default_str();
  auto* state = local->add_option("--state", configured.local.state,
                                  "Directory to keep runtimes and profiles in");
  local->add_flag("--in-memory", configured.local.in_memory, "Keep nothing")->excludes(state);

  auto* config = app.add_subcommand("config", "Look at the configuration");
  config->require_subcommand(1);
  auto* check =
      verb(*config, "check", "Say what is wrong with it", [&] { exit = configured.check(); });
  add_config_flags(*check, configured.flags);
  check->add_option("file", configured.flags.config, "Configuration file");
  auto* show = verb(*config, "show", "Print what is in effect", [&] { exit = configured.show(); });
  add_config_flags(*show, configured.flags);
  show->add_flag("--origin", configured.with_origin, "Say where each value comes from");

  verb(app, "explain", "What an error code means and what to do", [&] {
    exit = explain(code);
  })->add_option("code", code, "Such as CONTROLLER_BUSY; none lists all");

  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    // CLI11 only says that a subcommand is required.
    std::string const first = argc > 1 ? argv[1] : "";
    auto const is_first = [&first](CLI::App* known) { return known->get_name() == first; };
    if (!first.empty() && first.front() != '-' && app.get_subcommands(is_first).empty())
      return fail(exit_code::usage,
                  fmt::format("no such verb: {}. `bctrl-bridge --help` lists all", first));
    return app.exit(error) == 0 ? exit_code::ok : exit_code::usage;
  }
  return exit;
}

}  // namespace bridge
