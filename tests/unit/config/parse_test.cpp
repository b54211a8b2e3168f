#include "config/parse.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;
using namespace std::chrono_literals;

TEST_CASE("parse: every key reaches its member") {
  auto const read = read_text(R"(version: 1
backend: cloud
api:
  base_url: https://api.example/v1
  key_file: /k
  ca_file: /c.pem
  proxy: http://u:p@proxy:3128
  timeout: 250ms
  start_timeout: 5m
local: {port: 7000, chromium: /usr/bin/chromium, chromium_flags: [--a, "--b=c"],
  state_dir: /s, in_memory: true, concurrent: true, recording: true,
  proxy_test_url: "http://ip.test/"}
service: {port: 0}
log: {level: debug, format: json}
bridges:
  - name: a
    port: 0
    runtime:
      name: r
      space: default
      config: {profile: p, n: 1}
    start: boot
    on_exit: keep
    idle_stop: 5m
    on_last_client: stop
    grace: 3s
    max_run: 2h
    budget: {time: 20h, credits: 500, per: month}
    on_busy: fail
    attach_timeout: 1h
    lease: 5m
    keep_alive: command
    allowed_hosts: [bridge.internal]
    allowed_origins: []
    limits: {client_message: 1MiB, client_queue: 2MiB, upstream_message: 3MiB,
      upstream_queue: 4MiB, clients: 5}
  - name: b
    runtime: {id: rt_1}
  - name: c
    runtime: main
    start: discovery
    budget: 60m/day
  - name: d
    upstream: wss://host/secret
)");
  CHECK(read.errors() == "");
  auto const& config = read.config;
  CHECK(config.backend == Backend::cloud);
  CHECK(config.api.base_url == "https://api.example/v1");
  CHECK(config.api.key_file == "/k");
  CHECK(config.api.ca_file == "/c.pem");
  CHECK(config.api.proxy == "http://u:p@proxy:3128");
  CHECK(config.api.timeout == 250ms);
  CHECK(config.api.start_timeout == 5min);
  CHECK(config.local.port == 7000);
  CHECK(config.local.chromium == "/usr/bin/chromium");
  CHECK(config.local.chromium_flags == std::vector<std::string>{"--a", "--b=c"});
  CHECK(config.local.state_dir == "/s");
  CHECK(config.local.in_memory);
  CHECK(config.local.concurrent);
  CHECK(config.local.recording);
  CHECK(config.local.proxy_test_url == "http://ip.test/");
  CHECK(config.service.port == 0);
  CHECK(config.logging.level == bridge::LogLevel::debug);
  CHECK(config.logging.format == bridge::log::Format::json);
  REQUIRE(config.bridges.size() == 4);
  auto const& a = config.bridges[0];
  CHECK(a.name == "a");
  CHECK(a.port == std::uint16_t{0});
  REQUIRE(a.runtime);
  CHECK(a.runtime->name == "r");
  CHECK(a.runtime->space == "default");
  CHECK(a.runtime->create_config == R"({"profile":"p","n":1})");
  CHECK(a.start == Start::boot);
  CHECK(a.on_exit == OnExit::keep);
  CHECK(a.idle_stop == 5min);
  CHECK(a.on_last_client == OnLastClient::stop);
  CHECK(a.grace == 3s);
  CHECK(a.max_run == 2h);
  CHECK(a.budget.time == 20h);
  CHECK(a.budget.credits == 500);
  CHECK(a.budget.per == BudgetPer::month);
  CHECK(a.on_busy == OnBusy::fail);
  CHECK(a.attach_timeout == 1h);
  CHECK(a.lease == 5min);
  CHECK(a.keep_alive == KeepAlive::command);
  CHECK(a.allowed_hosts == std::vector<std::string>{"bridge.internal"});
  CHECK(a.allowed_origins.empty());
  CHECK(a.limits.client_message == 1U << 20);
  CHECK(a.limits.client_queue == 2U << 20);
  CHECK(a.limits.upstream_message == 3U << 20);
  CHECK(a.limits.upstream_queue == 4U << 20);
  CHECK(a.limits.clients == 5);
  CHECK(config.bridges[1].runtime->id == "rt_1");
  CHECK(config.bridges[1].runtime->create_config == "{}");
  CHECK(!config.bridges[1].port);
  CHECK(config.bridges[2].runtime->name == "main");
  CHECK(config.bridges[2].start == Start::discovery);
  CHECK(config.bridges[2].budget.time == 1h);
  CHECK(config.bridges[2].budget.credits == 0);
  CHECK(config.bridges[2].budget.per == BudgetPer::day);
  CHECK(config.bridges[3].upstream->reveal() == "wss://host/secret");
  CHECK(read.origins.of("bridges[0].limits.clients").text() == "f.yaml:36");
  CHECK(read.origins.of("api.key_file").place() == "f.yaml:5:13");
  CHECK(read.origins.of("bridges[2].runtime.name").place() == "f.yaml:40:14");
  CHECK(read.origins.of("bridges[1].port").text() == "default");
}

TEST_CASE("parse: each mistake is told at its place with the way out") {
  struct {
    std::string name;
    std::string text;
    std::string errors;
  } const rows[] = {
      {"version missing", "backend: local\n",
       "f.yaml:1:1: version is missing; write \"version: 1\" at the top"},
      {"version of the future", "version: 2\n",
       "f.yaml:1:10: version: only version 1 is supported; write \"version: 1\""},
      {"version without value", "version:\n",
       "f.yaml:1:1: version: only version 1 is supported; write \"version: 1\""},
      {"unknown key, near one known", "version: 1\nbakend: local\n",
       "f.yaml:2:1: unknown key \"bakend\"; did you mean \"backend\"?"},
      {"unknown key, nothing near", "version: 1\nservice:\n  address: x\n",
       "f.yaml:3:3: unknown key \"address\" in service; known keys: port"},
      {"unknown key in a list", "version: 1\nbridges:\n  - name: a\n    limits: {cleints: 1}\n",
       "f.yaml:4:14: unknown key \"cleints\" in bridges[0].limits; did you mean \"clients\"?"},
      {"merge key", "version: 1\nlog:\n  <<: {level: info}\n",
       "f.yaml:3:3: unknown key \"<<\" in log; known keys: level, format"},
      {"the API key itself", "version: 1\napi:\n  api_key: canary\n",
       "f.yaml:3:3: unknown key \"api_key\" in api; keys are not written here; put it in a file "
       "and name "
       "it with api.key_file"},
      {"enum, near one known", "version: 1\nbackend: clod\n",
       "f.yaml:2:10: backend: \"clod\" is not one of local, cloud; did you mean \"cloud\"?"},
      {"enum, nothing near", "version: 1\nlog: {level: verbose}\n",
       "f.yaml:2:14: log.level: \"verbose\" is not one of trace, debug, info, warn, error, off; "
       "choose one of them"},
      {"port", "version: 1\nservice:\n  port: 65536\n",
       "f.yaml:3:9: service.port: \"65536\" is not a port; write 0 to 65535"},
      {"optional port", "version: 1\nbridges:\n- port: -1\n",
       "f.yaml:3:9: bridges[0].port: \"-1\" is not a port; write 0 to 65535"},
      {"duration", "version: 1\napi:\n  timeout: 30\n",
       "f.yaml:3:12: api.timeout: \"30\" is not a duration; write 250ms, 10s, 5m or 1h"},
      {"size", "version: 1\nbridges: [{limits: {client_queue: 64MB}}]\n",
       "f.yaml:2:35: bridges[0].limits.client_queue: \"64MB\" is not a size; write 512KiB, 64MiB, "
       "1GiB or a "
       "number of bytes"},
      {"count", "version: 1\nbridges: [{limits: {clients: 1KiB}}]\n",
       "f.yaml:2:30: bridges[0].limits.clients: \"1KiB\" is not a number; write digits only"},
      {"switch", "version: 1\nlocal: {in_memory: yes}\n",
       "f.yaml:2:20: local.in_memory: \"yes\" is not a switch; write true or false"},
      {"relative path", "version: 1\napi: {key_file: ~/key}\n",
       "f.yaml:2:17: api.key_file: \"~/key\" is not an absolute path; begin it with / or ${HOME}/"},
      {"stdin is for the flag", "version: 1\napi: {key_file: '-'}\n",
       "f.yaml:2:17: api.key_file: \"-\" is not an absolute path; begin it with / or ${HOME}/"},
      {"no value", "version: 1\nbackend:\n",
       "f.yaml:2:1: backend has no value; give one or remove the key"},
      {"list without items", "version: 1\nbridges:\n",
       "f.yaml:2:1: bridges has no value; give one or remove the key"},
      {"value instead of a list", "version: 1\nlocal:\n  chromium_flags: --a\n",
       "f.yaml:3:19: local.chromium_flags must be a list; write [] or \"- item\" lines"},
      {"map instead of a list", "version: 1\nbridges:\n  main: {}\n",
       "f.yaml:3:3: bridges must be a list; write [] or \"- item\" lines"},
      {"list instead of a value", "version: 1\nbackend: [local]\n",
       "f.yaml:2:10: backend must be a single value, not a list or map"},
      {"value instead of a map", "version: 1\napi: x\n",
       "f.yaml:2:6: api must be a map of keys; write \"key: value\" lines"},
      {"the file is a list", "- a\n",
       "f.yaml:1:1: the file must be a map of keys; write \"key: value\" lines"},
      {"the file is a word", "canary\n",
       "f.yaml:1:1: the file must be a map of keys; write \"key: value\" lines"},
      {"a bridge is a word", "version: 1\nbridges: [main]\n",
       "f.yaml:2:11: bridges[0] must be a map of keys; write \"key: value\" lines"},
      {"runtime config is a list", "version: 1\nbridges: [{runtime: {config: []}}]\n",
       "f.yaml:2:30: bridges[0].runtime.config must be a map; write \"key: value\" lines"},
      {"runtime config value", "version: 1\nbridges: [{runtime: {config: {a: 010}}}]\n",
       "f.yaml:2:34: bridges[0].runtime.config: this number is read as different numbers by "
       "different "
       "programs; write it in decimal, or in quotes for text"},
      {"several lines", "version: 1\nbridges: [{name: \"a\\nb\"}]\n",
       "f.yaml:2:18: bridges[0].name: \"a\\x0ab\" must be one line of UTF-8 text without control "
       "characters"},
      {"unset variable", "version: 1\nlocal:\n  chromium_flags:\n    - --x\n    - ${GONE}\n",
       "f.yaml:5:7: local.chromium_flags[1]: the environment variable GONE is not set; set it, or "
       "write "
       "${GONE:-default}"},
      {"duplicate", "version: 1\nbackend: local\nbackend: cloud\n",
       "f.yaml:3:1: the key \"backend\" appears twice, first on line 2; keep one"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.name);
    CHECK(read_text(row.text).errors() == row.errors);
  }
}

TEST_CASE("parse: all mistakes are told at once") {
  auto const read =
      read_text("version: 3\nbackend: x\napi:\n  timeout: x\n  tiemout: 1s\nlog: []\n");
  CHECK(read.problems.list().size() == 5);
}

TEST_CASE("parse: keys that begin with x- are ignored, empty sections are fine") {
  CHECK(read_text("version: 1\nx-note: [1, {a: b}]\napi:\n  x-y: 1\nlog:\n").errors() == "");
  // An empty file may be one that is just being written.
  CHECK(read_text("").errors().ends_with("version is missing; write \"version: 1\" at the top"));
}

TEST_CASE("parse: variables are expanded in values, not in keys") {
  FakeEnv const env{{"PORT", "9500"}, {"NAME", "main"}};
  auto const read = read_text(
      "version: 1\nservice: {port: \"${PORT}\"}\nbridges:\n  - name: ${NAME}\n    port: "
      "${P:-9501}\n",
      env.get());
  CHECK(read.errors() == "");
  CHECK(read.config.service.port == 9500);
  CHECK(read.config.bridges[0].name == "main");
  CHECK(read.config.bridges[0].port == std::uint16_t{9501});
  CHECK(read_text("version: 1\n${NAME}: 1\n", env.get())
            .errors()
            .starts_with("f.yaml:2:1: unknown key"));
}

TEST_CASE("parse: a field with a mistake keeps its default") {
  auto const read = read_text("version: 1\nservice: {port: x}\napi: {timeout: 1}\n");
  CHECK(read.config.service.port == 9410);
  CHECK(read.config.api.timeout == 30s);
}

TEST_CASE("parse: no error holds a secret or a variable's value") {
  FakeEnv const env{{"SECRET", "canary-1234"}, {"LINES", "canary\nx"}};
  for (std::string const text : {
           "version: ${SECRET}\n",
           "version: 1\nbackend: ${SECRET}\n",
           "version: 1\nservice: {port: \"${SECRET}\"}\n",
           "version: 1\napi: {timeout: \"${SECRET}\", key_file: \"${SECRET}\", proxy: "
           "\"canary\\n\"}\n",
           "version: 1\napi: {proxy: [canary]}\n",
           "version: 1\nbridges: [{upstream: \"ws://canary\\x01\"}]\n",
           "version: 1\nbridges: [{upstream: {canary: 1}}]\n",
           "version: 1\nbridges: [{upstream: \"$canary\"}]\n",
           "version: 1\nbridges: [{upstream: \"${LINES}\"}]\n",
           "version: 1\nbridges: [{name: \"${LINES}\", allowed_hosts: [\"${LINES}\"]}]\n",
           "version: 1\nbridges: [{runtime: {config: {password: \"${GONE}canary\", n: 0123}}}]\n",
           "version: 1\nbridges: [{upstream: &canary x, runtime: *canary}]\n",
           "version: 1\napi: {token: canary}\n",
       }) {
    CAPTURE(text);
    auto const errors = read_text(text, env.get()).errors();
    CHECK(errors != "");
    if (!contains(errors, "unknown key \"canary\"")) CHECK(!contains(errors, "canary"));
  }
}
