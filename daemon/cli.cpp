#include "daemon/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/log.hpp"
#include "base/version.hpp"
#include "config/load.hpp"
#include "config/show.hpp"
#include "daemon/api_verb.hpp"
#include "daemon/control_client.hpp"
#include "daemon/failure.hpp"
#include "daemon/gc.hpp"
#include "daemon/handover_verbs.hpp"
#include "daemon/serve.hpp"
#include "daemon/usage_verb.hpp"
#include "net/url.hpp"

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kReload = std::chrono::minutes(10);  // runtimes of bridges that go are stopped

int fail(int code, std::string_view line) {
  fmt::print(stderr, "bctrl-bridge: {}\n", line);
  return code;
}

/// The verbs that talk to a running daemon.
class Remote {
 public:
  explicit Remote(config::Env const& env) : env_(env) {}

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
    (void)print_left(all);
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
    auto const answer = ask_daemon(env_, "GET", path());
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

  int reload() const {
    auto const answer = tell_daemon(env_, "/reload", "{}", kReload);
    if (!answer.error.empty()) return fail(answer.exit, answer.error);
    auto const done = Json::parse(answer.body);
    if (json) {
      fmt::print("{}", answer.body);
      return done["left"].empty() ? exit_code::ok : exit_code::unavailable;
    }
    for (auto const& bridge : done["bridges"]) {
      auto const keys = joined(bridge["keys"]);
      fmt::print("{}  {}{}{}\n", bridge["name"].get<std::string>(),
                 bridge["change"].get<std::string>(), keys.empty() ? "" : "  ", keys);
    }
    if (!done["keys"].empty()) fmt::print("changed: {}\n", joined(done["keys"]));
    if (!done["atNextStart"].empty())
      fmt::print("takes effect at the next start: {}\n", joined(done["atNextStart"]));
    if (done["bridges"].empty() && done["keys"].empty()) fmt::print("nothing to change\n");
    return print_left(done);
  }

  int act(std::string_view verb) const {
    auto const answer = ask_daemon(env_, "POST", fmt::format("{}/{}", path(), verb));
    if (!answer.error.empty()) return fail(answer.exit, answer.error);
    if (json) return print(answer.body);
    print_bridge(Json::parse(answer.body));
    return exit_code::ok;
  }

 private:
  [[nodiscard]] std::string path() const { return "/bridges/" + net::percent_encode(name); }

  /// Runtimes of bridges that are gone, and still have to be stopped.
  static int print_left(Json const& answer) {
    for (auto const& line : answer.value("left", Json::array()))
      fmt::print("{}; it is tried again\n", line.get<std::string>());
    return answer.value("left", Json::array()).empty() ? exit_code::ok : exit_code::unavailable;
  }

  static std::string joined(Json const& words) {
    return fmt::format("{}", fmt::join(words.get<std::vector<std::string>>(), ", "));
  }

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
    if (bridge.contains("stops"))
      fmt::print("    {}\n", bridge["stops"]["text"].get<std::string>());
    for (auto const& line : bridge.value("holding", Json::array()))
      fmt::print("    {}\n", line.get<std::string>());
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
  ApiVerb api;
  GcVerb gc;
  UsageVerb used;

  int serve_daemon() {
    // A reload is asked for from other directories, and its errors are read there.
    if (flags.config) flags.config = std::filesystem::absolute(*flags.config).string();
    return with_config(
        [this](config::Loaded const& loaded) { return bridge::serve(loaded, sources_); });
  }
  int usage() {
    return with_config(
        [this](config::Loaded const& loaded) { return print_usage(used, loaded, sources_.env); });
  }
  int serve_backend() {
    return with_config(
        [this](config::Loaded const& loaded) { return serve_local(local, loaded, sources_.env); });
  }
  int call() {
    return with_config(
        [this](config::Loaded const& loaded) { return call_api(api, loaded, sources_.env); });
  }
  int collect_left() {
    return with_config(
        [this](config::Loaded const& loaded) { return collect(gc, loaded, sources_.env); });
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
               log::redact(loaded.error().text()));
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

constexpr char const* kExamples = R"text(Examples:
  bctrl-bridge serve                    the daemon in the foreground; prints what to paste
  bctrl-bridge serve --config my.yaml   with a configuration of your own
  bctrl-bridge status                   what it does, and why
  eval "$(bctrl-bridge env main)"       the addresses of bridge "main" for a shell
  bctrl-bridge explain AUTH             what an error code means and what to do
  bctrl-bridge api POST /v1/runtimes/rt_1/start
                                        any call of the API, cloud or local

Without a configuration there is one bridge, "main", on http://127.0.0.1:9411: in the cloud when
there is an API key in BCTRL_API_KEY, else with a Chromium of this machine.)text";

/// What every verb that reads the configuration takes.
void add_common_flags(CLI::App& verb, config::Overrides& flags) {
  verb.add_option("--config", flags.config, "Configuration file")->type_name("FILE");
  verb.add_option("--chromium", flags.chromium, "Browser of the local backend")
      ->type_name("PROGRAM");
  verb.add_option("--log-level", flags.log_level, "trace, debug, info, warn, error or off")
      ->type_name("LEVEL");
  verb.add_option("--log-format", flags.log_format, "auto, text, json or journal")
      ->type_name("FORMAT");
}

void add_backend_flags(CLI::App& verb, config::Overrides& flags) {
  verb.add_option("--backend", flags.backend, "Where runtimes live")->type_name("local|cloud");
  verb.add_option("--api-url", flags.base_url, "Base URL of the cloud's API")->type_name("URL");
  verb.add_option("--api-key-file", flags.key_file, "File with the API key; - is standard input")
      ->type_name("FILE");
}

/// And what is of no use to the local backend alone.
void add_daemon_flags(CLI::App& verb, config::Overrides& flags) {
  add_common_flags(verb, flags);
  add_backend_flags(verb, flags);
  verb.add_option("--service-port", flags.service_port,
                  "Port of health and /b/<name>; 0 is any free one")
      ->type_name("PORT");
}

/// CLI11's own words, except where they do not help.
int explain_usage(CLI::App const& app, CLI::ParseError const& error, std::string const& first) {
  auto const is_first = [&first](CLI::App const* known) { return known->get_name() == first; };
  if (!first.empty() && first.front() != '-' && app.get_subcommands(is_first).empty())
    return fail(exit_code::usage,
                fmt::format("no such verb: {}. `bctrl-bridge --help` lists all", first));
  std::ostringstream out;
  std::ostringstream err;
  int const code = app.exit(error, out, err);
  fmt::print("{}", out.str());
  fmt::print(stderr, "{}", log::redact(err.str()));
  return code == 0 ? exit_code::ok : exit_code::usage;
}

/// -f and -F, in the order in which they are given.
void add_fields(CLI::App& verb, std::vector<ApiField>& fields, char const* where) {
  auto const field = [&fields](bool typed) {
    return [&fields, typed](std::string const& text) { fields.push_back({text, typed}); };
  };
  verb.add_option_function<std::string>("-f,--raw-field", field(false), where)
      ->trigger_on_parse()
      ->type_name("FIELD");
  verb.add_option_function<std::string>(
          "-F,--field", field(true),
          "The same, but true, false, null and numbers are not text, and @FILE is read")
      ->trigger_on_parse()
      ->type_name("FIELD");
}

void add_handover_verbs(CLI::App& app, HandoverVerbs& verbs, config::Env const& env, int& exit) {
  auto const named = [&](char const* name, char const* help, auto run) {
    auto* added = app.add_subcommand(name, help);
    added->group("Verbs");
    added->callback([&verbs, &env, &exit, run] { exit = (verbs.*run)(env); });
    added->add_option("name", verbs.name, "Name of a bridge, as ls lists it")->required();
    return added;
  };
  auto* invoke = named("invoke", "Have the platform act in a bridge's runtime; clients wait",
                       &HandoverVerbs::invoke);
  invoke->add_option("--action", verbs.action, "Such as act, extract or agent");
  add_fields(*invoke, verbs.fields, "Text NAME=VALUE of the invocation's body, as for api");
  invoke->add_option("--input", verbs.input, "The whole body; - is standard input")
      ->type_name("FILE");
  named("release", "Let go of a bridge's runtime, for another to drive; clients wait",
        &HandoverVerbs::release)
      ->add_option("--for", verbs.time, "Such as 5m; else until acquire")
      ->type_name("TIME");
  named("acquire", "Take back what release has let go of", &HandoverVerbs::acquire);
  auto* human = named("human", "Ask a person to do something in a bridge's runtime; clients wait",
                      &HandoverVerbs::ask_human);
  human->add_option("--message", verbs.message, "What is to be done")->required();
  human->add_option("--timeout", verbs.time, "Such as 10m; else there is none")->type_name("TIME");
  auto* end = app.add_subcommand("shutdown", "End the daemon");
  end->group("Verbs");
  end->callback([&verbs, &env, &exit] { exit = verbs.shut_down(env); });
  end->add_option("--drain", verbs.time, "For commands under way; else as configured")
      ->type_name("TIME");
}

void add_api_verb(CLI::App& verb, Configured& configured) {
  auto& api = configured.api;
  verb.add_option("method", api.method, "GET, POST, PATCH, PUT or DELETE")->required();
  verb.add_option("path", api.path, "Such as /v1/runtimes; /v1 may be left out")->required();
  add_fields(verb, api.fields,
             "Text NAME=VALUE, NAME[MEMBER]=VALUE or NAME[]=VALUE: of the query for GET and DELETE "
             "and beside --input and --form, else of the body");
  verb.add_option("-H,--header", api.headers, "'Name: value'")->expected(1)->take_all();
  auto* input = verb.add_option("--input", api.input, "Body; - is standard input");
  input->type_name("FILE");
  verb.add_option("--form", api.form, "Part of an upload: NAME=VALUE or NAME=@FILE[;type=TYPE]")
      ->expected(1)
      ->take_all()
      ->excludes(input)
      ->type_name("PART");
  verb.add_option("-o,--output", api.output, "Write what is answered here")->type_name("FILE");
  verb.add_flag("--paginate", api.paginate, "All pages of a list, as one");
  verb.add_flag("-i,--include", api.show_head, "Print status and headers too");
  verb.add_option("--config", configured.flags.config, "Configuration file")->type_name("FILE");
  add_backend_flags(verb, configured.flags);
}

}  // namespace

int run_cli(int argc, char** argv, config::Env const& env) {
  CLI::App app(
      "Local CDP endpoints for BCTRL runtimes: one runtime, one local port, many clients at once.",
      "bctrl-bridge");
  app.set_version_flag("--version", fmt::format("bctrl-bridge {}", version()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("SUBCOMMAND", "VERB");

  Remote remote(env);
  Configured configured(env);
  std::string code;
  int exit = exit_code::ok;
  auto const verb = [](CLI::App& at, char const* name, char const* help,
                       std::function<void()> run) {
    auto* added = at.add_subcommand(name, help);
    added->group("Verbs");
    added->callback(std::move(run));
    return added;
  };
  auto const named = [&](char const* name, char const* help, std::function<void()> run) {
    auto* added = verb(app, name, help, std::move(run));
    added->add_option("name", remote.name, "Name of a bridge, as ls lists it")->required();
    added->add_flag("--json", remote.json, "Print JSON");
    return added;
  };

  add_daemon_flags(*verb(app, "serve", "Run the daemon in the foreground",
                         [&] { exit = configured.serve_daemon(); }),
                   configured.flags);
  verb(app, "status", "What the running daemon does", [&] {
    exit = remote.status();
  })->add_flag("--json", remote.json, "Print JSON");
  verb(app, "ls", "The bridges of the running daemon", [&] {
    exit = remote.list();
  })->add_flag("--json", remote.json, "Print JSON");
  verb(app, "reload", "Read the configuration again; clients of what has not changed stay", [&] {
    exit = remote.reload();
  })->add_flag("--json", remote.json, "Print JSON");
  named("env", "Addresses of a bridge, for tools", [&] { exit = remote.show_env(); });
  named("up", "Wake a bridge's runtime and wait for it", [&] { exit = remote.act("up"); });
  named("stop", "Send a bridge's clients away and stop its runtime",
        [&] { exit = remote.act("stop"); });

  HandoverVerbs handover;
  add_handover_verbs(app, handover, env, exit);
  auto* gc = verb(app, "gc", "Stop cloud runtimes of ours that were left running",
                  [&] { exit = configured.collect_left(); });
  gc->add_flag("--own", configured.gc.own, "Do not ask the daemon: it has ended");
  gc->add_flag("--dry-run", configured.gc.dry_run, "Only say which");
  gc->add_flag("--json", configured.gc.json, "Print JSON");
  gc->add_option("--config", configured.flags.config, "Configuration file")->type_name("FILE");
  add_backend_flags(*gc, configured.flags);
  auto* usage = verb(app, "usage", "What the bridges' runs have used, by day",
                     [&] { exit = configured.usage(); });
  usage->add_option("name", configured.used.bridge, "Name of a bridge; none: all");
  usage->add_option("--since", configured.used.since, "30d, 12h, or a day such as 2026-11-01")
      ->capture_default_str()
      ->type_name("WHEN");
  usage->add_flag("--json", configured.used.json, "Print JSON");
  usage->add_option("--config", configured.flags.config, "Configuration file")->type_name("FILE");

  auto* local = verb(app, "local", "Run the local backend alone, for BCTRL's SDK and CLI",
                     [&] { exit = configured.serve_backend(); });
  add_common_flags(*local, configured.flags);
  local->add_option("--port", configured.local.port, "Port on 127.0.0.1; 0 is any free one")
      ->capture_default_str()
      ->type_name("PORT");
  auto* state = local->add_option("--state", configured.local.state,
                                  "Keep runtimes and profiles here; else where serve does");
  state->type_name("DIR");
  local->add_flag("--in-memory", configured.local.in_memory, "Keep nothing; runs beside a daemon")
      ->excludes(state);
  local->add_flag("--concurrent", configured.local.concurrent,
                  "Let several controllers drive one runtime at the same time");
  local->add_flag("--recording", configured.local.recording, "Record every run");

  add_api_verb(*verb(app, "api", "One call of the API, cloud or local, as `gh api` does",
                     [&] { exit = configured.call(); }),
               configured);

  auto* config = app.add_subcommand("config", "Look at the configuration: check, show");
  config->group("Verbs");
  config->require_subcommand(1);
  auto* check =
      verb(*config, "check", "Say what is wrong with it", [&] { exit = configured.check(); });
  add_daemon_flags(*check, configured.flags);
  check->add_option("file", configured.flags.config, "Configuration file");
  auto* show = verb(*config, "show", "Print what is in effect", [&] { exit = configured.show(); });
  add_daemon_flags(*show, configured.flags);
  show->add_flag("--origin", configured.with_origin, "Say where each value comes from");

  verb(app, "explain", "What an error code means and what to do", [&] {
    exit = explain(code);
  })->add_option("code", code, "Such as CONTROLLER_BUSY; none lists all");

  app.footer(kExamples);  // last: verbs would inherit it

  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    return explain_usage(app, error, argc > 1 ? argv[1] : "");
  }
  return exit;
}

}  // namespace bridge
