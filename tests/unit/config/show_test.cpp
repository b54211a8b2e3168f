#include "config/show.hpp"

#include <doctest/doctest.h>

#include "config/load.hpp"
#include "support.hpp"

using namespace bridge::config;

TEST_CASE("show: every value with where it came from") {
  TempDir const dir;
  auto const path = dir.write("c.yaml", R"(version: 1
backend: cloud
local: {chromium_flags: [--a, "b c"]}
bridges:
  - name: a
    runtime: {id: rt_1, config: {n: 1}}
)");
  FakeEnv const env{{"BCTRL_BRIDGE_LOG_LEVEL", "debug"}};
  Overrides flags;
  flags.config = path;
  flags.service_port = "9000";
  auto const loaded = load_config({.flags = flags, .env = env.get()});
  REQUIRE(loaded.has_value());
  auto const shown = show_config(loaded->config, loaded->origins, WithOrigin::yes);
  auto const line = [&](std::string text, std::string const& origin) {
    text.resize(std::max<std::size_t>(48, text.size()), ' ');
    CAPTURE(shown);
    CAPTURE(text);
    CHECK(contains(shown, text + "  # " + origin + "\n"));
  };
  line("version: 1", path + ":1");
  line("backend: cloud", path + ":2");
  line("  base_url: https://api.bctrl.ai/v1", "default");
  line("  key_file: \"\"", "default");
  line("  timeout: 30s", "default");
  line("  chromium_flags: [\"--a\", \"b c\"]", path + ":3");
  line("  port: 9000", "flag --service-port");
  line("  level: debug", "env BCTRL_BRIDGE_LOG_LEVEL");
  line("  - name: a", path + ":5");
  line("    port: 9411", "default");
  line("      id: rt_1", path + ":6");
  line("      config: {\"n\":1}", path + ":6");
  line("    allowed_origins: [devtools://devtools]", "default");
  line("      client_message: 64MiB", "default");
  line("      clients: 256", "default");
}

TEST_CASE("show: a configuration without secrets can be loaded again") {
  TempDir const dir;
  Overrides flags;
  flags.config = dir.write("c.yaml", R"(version: 1
backend: cloud
api: {timeout: 1500ms, key_file: "/a $$b \"c\"\\"}
local: {chromium: "true", chromium_flags: ["--x=$$1", "12", "~", "null", "", "a: b", "#c"]}
bridges:
  - {name: a, runtime: {name: "on"}, start: boot, on_exit: keep, limits: {client_queue: 5000}}
  - {name: b, upstream: "http://127.0.0.1:1"}
)");
  auto const first = load_config({.flags = flags, .env = {}});
  REQUIRE(first.has_value());
  auto const shown = show_config(first->config, first->origins, WithOrigin::yes);
  CAPTURE(shown);
  flags.config = dir.write("again.yaml", shown);
  auto const second = load_config({.flags = flags, .env = {}});
  REQUIRE_MESSAGE(second.has_value(), (second ? "" : second.error().text()));
  CHECK(show_config(second->config, second->origins) == show_config(first->config, first->origins));
  CHECK(second->config.api.key_file == "/a $b \"c\"\\");
  CHECK(second->config.local.chromium_flags ==
        std::vector<std::string>{"--x=$1", "12", "~", "null", "", "a: b", "#c"});
  CHECK(second->config.bridges[0].runtime->name == "on");
}

TEST_CASE("show: no secret in any line") {
  FakeEnv const env{{"PW", "canary"}};
  auto const read = check_text(R"(version: 1
api: {proxy: "http://canary:canary@proxy:3128"}
local: {chromium_flags: ["--proxy-server=http://canary:canary@h"]}
bridges:
  - {name: a, upstream: "wss://host:444/canary?token=canary"}
  - {name: b, upstream: "https://canary:x@host"}
  - {name: c, runtime: {name: c, config: {proxy: {password: canary, list: ["${PW}"]}}}}
)",
                               env.get());
  CHECK(read.errors() == "");
  for (auto const with : {WithOrigin::no, WithOrigin::yes}) {
    auto const shown = show_config(read.config, read.origins, with);
    CAPTURE(shown);
    CHECK(!contains(shown, "canary"));
    CHECK(contains(shown, "proxy: \"http://proxy:3128/***\""));
    CHECK(contains(shown, "upstream: \"wss://host:444/***\""));
    CHECK(contains(shown, "upstream: \"https://host/***\""));
    CHECK(contains(shown, R"(config: {"proxy":{"password":"***","list":["***"]}})"));
  }
}
