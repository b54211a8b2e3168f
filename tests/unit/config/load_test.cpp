#include "config/load.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;

namespace {

/// Sources that reach no file of this machine.
struct Setup {
  TempDir dir;
  FakeEnv env;
  Overrides flags;

  std::optional<Running> running = {};

  [[nodiscard]] boost::system::result<Loaded, Problems> load() const {
    return load_config(
        {.flags = flags, .env = env.get(), .system_file = dir / "etc.yaml", .running = running});
  }
  [[nodiscard]] Loaded good() const {
    auto loaded = load();
    REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().text()));
    return std::move(*loaded);
  }
  [[nodiscard]] std::string errors() const {
    auto const loaded = load();
    return loaded ? "" : loaded.error().text();
  }
};

}  // namespace

TEST_CASE("load: without anything there is one local bridge, main, on 9411") {
  Setup const setup;
  auto const loaded = setup.good();
  CHECK(loaded.file.empty());
  CHECK(loaded.config.backend == Backend::local);
  CHECK(loaded.config.api.base_url == "https://api.bctrl.ai/v1");
  CHECK(loaded.config.service.port == 9410);
  REQUIRE(loaded.config.bridges.size() == 1);
  auto const& bridge = loaded.config.bridges[0];
  CHECK(bridge.name == "main");
  CHECK(bridge.port == std::uint16_t{9411});
  REQUIRE(bridge.runtime);
  CHECK(bridge.runtime->name == "main");
  CHECK(!bridge.upstream);
  CHECK(loaded.origins.of("backend").text() == "default");
}

TEST_CASE(
    "load: a key in the environment or a named key file means the cloud, unless something else is "
    "said") {
  SUBCASE("environment") {
    Setup setup;
    setup.env.set("BCTRL_API_KEY", "bctrl_canary");
    auto const loaded = setup.good();
    CHECK(loaded.config.backend == Backend::cloud);
    CHECK(loaded.origins.of("backend").text() == "env BCTRL_API_KEY");
  }
  SUBCASE("systemd's credential") {
    Setup setup;
    setup.env.set("CREDENTIALS_DIRECTORY", setup.dir / "cred");
    CHECK(setup.good().config.backend == Backend::local);
    auto const file = setup.dir.write("cred/api-key", "\n");
    CHECK(setup.good().config.backend == Backend::local);
    setup.dir.write("cred/api-key", "bctrl_canary\n");
    auto const loaded = setup.good();
    CHECK(loaded.config.backend == Backend::cloud);
    CHECK(loaded.origins.of("backend").text() == file);
    setup.flags.backend = "local";
    CHECK(setup.good().config.backend == Backend::local);
  }
  SUBCASE("an empty variable is none") {
    Setup setup;
    setup.env.set("BCTRL_API_KEY", "");
    CHECK(setup.good().config.backend == Backend::local);
  }
  SUBCASE("file") {
    Setup const setup;
    auto const path = setup.dir.write("etc.yaml", "version: 1\napi: {key_file: /k}\n");
    auto const loaded = setup.good();
    CHECK(loaded.config.backend == Backend::cloud);
    CHECK(loaded.origins.of("backend").text() == path + ":2");
  }
  SUBCASE("an empty key file is none") {
    Setup const setup;
    setup.dir.write("etc.yaml", "version: 1\napi: {key_file: ''}\n");
    CHECK(setup.good().config.backend == Backend::local);
  }
  SUBCASE("flag") {
    Setup setup;
    setup.flags.key_file = "-";
    auto const loaded = setup.good();
    CHECK(loaded.config.backend == Backend::cloud);
    CHECK(loaded.config.api.key_file == "-");
    CHECK(loaded.origins.of("backend").text() == "flag --api-key-file");
  }
  SUBCASE("local is said") {
    Setup setup;
    setup.env.set("BCTRL_API_KEY", "bctrl_canary");
    setup.dir.write("etc.yaml", "version: 1\nbackend: local\n");
    CHECK(setup.good().config.backend == Backend::local);
  }
}

TEST_CASE("load: a flag beats the environment, which beats the file") {
  Setup setup;
  auto const path =
      setup.dir.write("etc.yaml",
                      "version: 1\nbackend: cloud\nlog: {level: error, format: text}\n"
                      "service: {port: 1000}\nlocal: {chromium: /file}\n");
  auto loaded = setup.good();
  CHECK(loaded.config.service.port == 1000);
  CHECK(loaded.origins.of("service.port").text() == path + ":4");

  setup.env.set("BCTRL_BRIDGE_BACKEND", "local");
  setup.env.set("BCTRL_BRIDGE_LOG_LEVEL", "debug");
  setup.env.set("BCTRL_BRIDGE_LOG_FORMAT", "journal");
  setup.env.set("BCTRL_BRIDGE_SERVICE_PORT", "2000");
  setup.env.set("BCTRL_BRIDGE_CHROMIUM", "/env");
  loaded = setup.good();
  CHECK(loaded.config.backend == Backend::local);
  CHECK(loaded.config.logging.level == bridge::LogLevel::debug);
  CHECK(loaded.config.logging.format == bridge::log::Format::journal);
  CHECK(loaded.config.service.port == 2000);
  CHECK(loaded.config.local.chromium == "/env");
  CHECK(loaded.origins.of("log.level").text() == "env BCTRL_BRIDGE_LOG_LEVEL");

  setup.flags.backend = "cloud";
  setup.flags.log_level = "off";
  setup.flags.log_format = "json";
  setup.flags.service_port = "3000";
  setup.flags.chromium = "/flag";
  loaded = setup.good();
  CHECK(loaded.config.backend == Backend::cloud);
  CHECK(loaded.config.logging.level == bridge::LogLevel::off);
  CHECK(loaded.config.logging.format == bridge::log::Format::json);
  CHECK(loaded.config.service.port == 3000);
  CHECK(loaded.config.local.chromium == "/flag");
  CHECK(loaded.origins.of("service.port").text() == "flag --service-port");
}

TEST_CASE("load: the base URL") {
  Setup setup;
  auto const url = [&] { return setup.good().config.api.base_url; };
  auto const origin = [&] { return setup.good().origins.of("api.base_url").text(); };
  setup.env.set("BCTRL_API_BASE_URL", "https://three.example");
  CHECK(url() == "https://three.example/v1");
  setup.env.set("BCTRL_BASE_URL", "https://two.example/v1/");
  CHECK(url() == "https://two.example/v1");
  setup.env.set("BCTRL_API_URL", " https://one.example/ ");
  CHECK(url() == "https://one.example/v1");
  CHECK(origin() == "env BCTRL_API_URL");
  auto const path =
      setup.dir.write("etc.yaml", "version: 1\napi: {base_url: https://file.example}\n");
  CHECK(url() == "https://one.example/v1");
  CHECK(origin() == "env BCTRL_API_URL");
  for (auto const* variable : {"BCTRL_API_URL", "BCTRL_BASE_URL", "BCTRL_API_BASE_URL"})
    setup.env.set(variable, "");
  CHECK(url() == "https://file.example/v1");
  CHECK(origin() == path + ":2");
  setup.flags.base_url = "https://flag.example";
  CHECK(url() == "https://flag.example/v1");
  CHECK(origin() == "flag --api-url");
}

TEST_CASE("load: a port that was given by us counts where an upstream must not lead") {
  Setup setup;
  setup.flags.config =
      setup.dir.write("c.yaml", "version: 1\nbridges: [{name: a, upstream: 'http://[::1]:9411'}]");
  CHECK(contains(setup.errors(), "c.yaml:2:31: bridges[0].upstream: leads back to this daemon"));
}

TEST_CASE("load: a key in place of a key file is refused and not repeated") {
  Setup setup;
  setup.flags.key_file = "sk_live_canaryCanary";
  CHECK(contains(setup.errors(), "--api-key-file: takes the path of a file"));
  CHECK(!contains(setup.errors(), "canary"));
}

TEST_CASE("load: who names an API by a flag means it, with or without a key") {
  Setup setup;
  setup.flags.base_url = "https://flag.example";
  CHECK(setup.good().config.backend == Backend::cloud);
  CHECK(setup.good().origins.of("backend").text() == "flag --api-url");
  setup.flags.backend = "local";
  CHECK(setup.good().config.backend == Backend::local);
  setup.flags.backend.reset();
  setup.flags.base_url.reset();
  setup.env.set("BCTRL_BASE_URL", "https://vendor.example");
  CHECK(setup.good().config.backend == Backend::local);
}

TEST_CASE("load: a base URL of the environment is judged only for the cloud") {
  Setup setup;
  setup.env.set("BCTRL_BASE_URL", "http://canary@10.0.0.1");
  CHECK(setup.errors() == "");
  setup.flags.backend = "cloud";
  CHECK(setup.errors() ==
        "environment BCTRL_BASE_URL: api.base_url: an address with a user or password; the API key "
        "is enough");
}

TEST_CASE("load: the file is the named one, else the user's, else the system's") {
  Setup setup;
  auto const file = [&] { return setup.good().file; };
  auto const system = setup.dir.write("etc.yaml", "version: 1\n");
  CHECK(file() == system);
  setup.env.set("HOME", setup.dir / "home");
  CHECK(file() == system);
  auto const home = setup.dir.write("home/.config/bctrl-bridge/config.yaml", "version: 1\n");
  CHECK(file() == home);
  setup.env.set("XDG_CONFIG_HOME", setup.dir / "xdg");
  CHECK(file() == system);
  auto const xdg = setup.dir.write("xdg/bctrl-bridge/config.yaml", "version: 1\n");
  CHECK(file() == xdg);
  auto const named = setup.dir.write("named.yaml", "version: 1\n");
  setup.env.set("BCTRL_BRIDGE_CONFIG", named);
  CHECK(file() == named);
  auto const flag = setup.dir.write("flag.yaml", "version: 1\n");
  setup.flags.config = flag;
  CHECK(file() == flag);
}

TEST_CASE("load: a named file that is missing is an error, also beside another one") {
  Setup setup;
  setup.dir.write("etc.yaml", "version: 1\n");
  setup.env.set("BCTRL_BRIDGE_CONFIG", setup.dir / "gone.yaml");
  CHECK(setup.errors() == "environment BCTRL_BRIDGE_CONFIG: read " + (setup.dir / "gone.yaml") +
                              ": No such file or directory; create it, the one line \"version: 1\" "
                              "is enough");
  setup.running.emplace();  // where it was there before, that line would be the wrong advice
  CHECK(setup.errors().ends_with("gone.yaml: No such file or directory"));
  setup.flags.config = setup.dir.path();
  CHECK(setup.errors() == "--config: read " + setup.dir.path() + ": Is a directory");
}

TEST_CASE("load: an empty file says nothing, not even that the defaults are wanted") {
  Setup const setup;
  for (auto const* text : {"", "\n\n", "# a comment\n", "null\n", "~\n"}) {
    CAPTURE(text);
    setup.dir.write("etc.yaml", text);
    CHECK(setup.errors().ends_with("version is missing; write \"version: 1\" at the top"));
  }
}

TEST_CASE("load: a file past one mebibyte is refused") {
  Setup const setup;
  auto const path = setup.dir.write("etc.yaml", std::string((1U << 20) + 1, '#'));
  CHECK(setup.errors() ==
        path + ": read " + path + ", at most 1048576 bytes: larger than the limit");
}

TEST_CASE("load: mistakes of every layer are told together, those of the file in its order") {
  Setup setup;
  auto const path =
      setup.dir.write("etc.yaml", "version: 1\nbridges:\n  - name: A\n    prot: 1\nbackend: x\n");
  setup.env.set("BCTRL_BRIDGE_LOG_LEVEL", "loud");
  setup.flags.service_port = "x";
  CHECK(setup.errors() ==
        "environment BCTRL_BRIDGE_LOG_LEVEL: \"loud\" is not one of trace, debug, info, warn, "
        "error, off; "
        "choose one of them\n"
        "--service-port: \"x\" is not a port; write 0 to 65535\n" +
            path +
            ":3:11: bridges[0].name: a name is 1 to 63 of a-z, 0-9 and -, and does not begin with "
            "-\n" +
            path + ":4:5: unknown key \"prot\" in bridges[0]; did you mean \"port\"?\n" + path +
            ":5:10: backend: \"x\" is not one of local, cloud; choose one of them");
}

TEST_CASE(
    "load: a bridge without runtime and upstream has a runtime of its name; ports fill the gaps") {
  Setup const setup;
  setup.dir.write("etc.yaml", R"(version: 1
bridges:
  - name: a
  - name: b
    port: 9412
  - name: c
    upstream: wss://host/canary
  - name: d
    port: 0
)");
  auto const loaded = setup.good();
  auto const& bridges = loaded.config.bridges;
  REQUIRE(bridges.size() == 4);
  CHECK(bridges[0].runtime->name == "a");
  CHECK(bridges[0].port == std::uint16_t{9411});
  CHECK(!bridges[2].runtime);
  CHECK(bridges[2].port == std::uint16_t{9413});
  CHECK(bridges[3].port == std::uint16_t{0});
}

TEST_CASE("load: a bridge that runs keeps the port it got, unless another is written down") {
  Setup setup;
  setup.dir.write("etc.yaml", R"(version: 1
bridges:
  - name: new
  - name: b
  - name: c
  - {name: d, port: 9413}
  - {name: e, port: 9500}
)");
  setup.running.emplace().ports = {{"a", 9411}, {"b", 9412}, {"c", 9413}, {"e", 9415}};
  auto const loaded = setup.good();
  auto const& bridges = loaded.config.bridges;
  std::vector<std::uint16_t> ports;
  for (auto const& bridge : bridges) ports.push_back(*bridge.port);
  CHECK(ports == std::vector<std::uint16_t>{9411, 9412, 9414, 9413, 9500});
}

TEST_CASE("load: a backend that waits for the next start does not bring its defaults before") {
  Setup setup;
  setup.dir.write("etc.yaml", "version: 1\nbackend: local\nbridges: [{name: a}]\n");
  setup.running.emplace().backend = Backend::cloud;
  auto const loaded = setup.good();
  CHECK(loaded.config.backend == Backend::local);
  CHECK(loaded.config.bridges[0].idle_stop == kCloudIdleStop);
  setup.dir.write("etc.yaml", "version: 1\nbackend: cloud\nbridges: [{name: a}]\n");
  setup.running->backend = Backend::local;
  CHECK(setup.good().config.bridges[0].idle_stop == Duration::zero());
}

TEST_CASE("load: a file that cannot be parsed gives its own problem only") {
  Setup const setup;
  setup.dir.write("etc.yaml", "bridges: [\n");
  auto const loaded = setup.load();
  REQUIRE(!loaded);
  CHECK(loaded.error().list().size() == 1);
}

TEST_CASE("load: in the cloud nobody pays for a forgotten browser, unless the file says so") {
  Setup setup;
  setup.flags.config = setup.dir.write("c.yaml", R"(version: 1
bridges:
  - {name: a, port: 0}
  - {name: b, port: 0, idle_stop: 0s}
  - {name: c, port: 0, idle_stop: 1h}
  - {name: d, port: 0, upstream: "wss://h"}
)");
  for (auto const& [backend, first] :
       {std::pair("cloud", kCloudIdleStop), {"local", Duration(0)}}) {
    setup.flags.backend = backend;
    auto const loaded = setup.good();
    auto const& bridges = loaded.config.bridges;
    CHECK(bridges[0].idle_stop == first);
    CHECK(bridges[1].idle_stop == Duration(0));
    CHECK(bridges[2].idle_stop == std::chrono::hours(1));
    CHECK(bridges[3].idle_stop == Duration(0));
  }
}
