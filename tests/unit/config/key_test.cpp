#include "config/key.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "support.hpp"

using namespace bridge::config;
using bridge::Errc;

namespace {

constexpr char const* kProduction = "https://api.bctrl.ai/v1";
constexpr char const* kProductionSecret = "bctrl-52a85ca7009932368baf73fa.secret";

struct Setup {
  TempDir dir;
  FakeEnv env;
  KeySources sources{
      .flag_file = {}, .file = {}, .base_url = kProduction, .env = {}, .input = nullptr};

  [[nodiscard]] bridge::Result<ApiKey> find() {
    sources.env = env.get();
    return find_api_key(sources);
  }
  [[nodiscard]] ApiKey good() {
    auto key = find();
    REQUIRE_MESSAGE(key.has_value(), (key ? "" : key.error().text()));
    return std::move(*key);
  }
  [[nodiscard]] std::string error() {
    auto const key = find();
    REQUIRE(!key);
    return key.error().text();
  }
  void login(std::string const& base_url = kProduction) {
    env.set("BCTRL_CONFIG_DIR", dir.path());
    dir.write("auth.json",
              R"({"apiBaseUrl":")" + base_url + R"(","backend":"file","method":"api-key"})");
  }
};

}  // namespace

TEST_CASE("key: the CLI's secret file is named after the base URL") {
  CHECK(login_secret_name(kProduction) == kProductionSecret);
  CHECK(login_secret_name("http://localhost:8787/v1") == "bctrl-b215bc7ef1acfaf7714d6f6d.secret");
}

TEST_CASE("key: the places in their order") {
  Setup setup;
  setup.login();
  setup.dir.write(kProductionSecret, "bctrl_login\n");
  CHECK(setup.good().key.reveal() == "bctrl_login");
  CHECK(setup.good().source == "BCTRL CLI login");

  setup.env.set("CREDENTIALS_DIRECTORY", setup.dir / "cred");
  setup.dir.write("cred/api-key", "bctrl_cred\n", 0440);
  CHECK(setup.good().key.reveal() == "bctrl_cred");
  CHECK(setup.good().source == "systemd credential api-key");

  setup.sources.file = setup.dir.write("key", "\n bctrl_file \r\n");
  CHECK(setup.good().key.reveal() == "bctrl_file");
  CHECK(setup.good().source == "file " + setup.sources.file);

  setup.env.set("BCTRL_API_KEY", " bctrl_env\n");
  CHECK(setup.good().key.reveal() == "bctrl_env");
  CHECK(setup.good().source == "environment BCTRL_API_KEY");

  setup.sources.flag_file = setup.dir.write("flag", "bctrl_flag\n");
  CHECK(setup.good().key.reveal() == "bctrl_flag");
  CHECK(setup.good().source == "file " + setup.sources.flag_file);

  std::istringstream input("bctrl_input\n");
  setup.sources.flag_file = "-";
  setup.sources.input = &input;
  auto const key = setup.good();
  CHECK(key.key.reveal() == "bctrl_input");
  CHECK(key.source == "standard input");
}

TEST_CASE("key: an empty credential and an empty variable are none") {
  Setup setup;
  setup.env.set("BCTRL_API_KEY", "");
  setup.env.set("CREDENTIALS_DIRECTORY", setup.dir / "cred");
  setup.dir.write("cred/api-key", "\n");
  setup.login();
  setup.dir.write(kProductionSecret, "bctrl_login");
  CHECK(setup.good().source == "BCTRL CLI login");
}

TEST_CASE(
    "key: a named file is refused unless it is private, ours and one line; there is no next "
    "place") {
  Setup setup;
  setup.login();
  setup.dir.write(kProductionSecret, "bctrl_login_canary");
  auto const refused = [&](std::string const& path, std::string const& part) {
    for (auto* const named : {&setup.sources.flag_file, &setup.sources.file}) {
      *named = path;
      auto const error = setup.error();
      named->clear();
      CAPTURE(error);
      CHECK(contains(error, part));
      CHECK(contains(error, path));
      CHECK(!contains(error, "canary"));
    }
  };
  auto const& dir = setup.dir;
  refused(dir.write("group", "bctrl_canary", 0640), "(mode 0640); close it with: chmod 600");
  refused(dir.write("other", "bctrl_canary", 0604), "chmod 600");
  refused(dir.write("empty", " \n"), "empty");
  refused(dir.write("lines", "bctrl_canary\nbctrl_canary"), "more than one line");
  refused(dir.write("space", "bctrl canary"), "not an API key");
  refused(dir.write("control",
                    "bctrl\x01"
                    "canary"),
          "not an API key");
  refused(dir.write("long", std::string(5000, 'k')), "larger than the limit");
  refused(dir / "gone", "No such file");
  refused(dir.path(), "not a regular file");
  std::filesystem::create_symlink(dir.write("real", "bctrl_canary"), dir / "link");
  refused(dir / "link", "symbolic link");
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  refused(dir / "pipe", "not a regular file");
  if (::geteuid() == 0) {
    auto const foreign = dir.write("foreign", "bctrl_canary");
    REQUIRE(::chown(foreign.c_str(), 12345, 0) == 0);
    refused(foreign, "belongs to user 12345");
  }
}

TEST_CASE("key: a bad value elsewhere is an error too, without the value") {
  Setup setup;
  setup.env.set("BCTRL_API_KEY", "canary one");
  CHECK(setup.error() == "environment BCTRL_API_KEY holds something that is not an API key");
  std::istringstream input(std::string(1 << 20, 'x'));
  setup.sources.flag_file = "-";
  setup.sources.input = &input;
  CHECK(contains(setup.error(), "standard input holds something that is not an API key"));
}

TEST_CASE("key: without a key the error lists the places and the way out") {
  Setup setup;
  setup.env.set("HOME", setup.dir.path());
  auto const error = setup.error();
  CAPTURE(error);
  CHECK(contains(error, "BCTRL_API_KEY is not set"));
  CHECK(contains(error, "systemd's credentials"));
  CHECK(contains(error, setup.dir / ".config/bctrl/auth.json"));
  CHECK(contains(error, "--api-key-file"));
  CHECK(contains(error, "--backend local"));
  CHECK(!contains(error, "\n"));
  CHECK(setup.find().error().is(Errc::not_found));
}

TEST_CASE("key: what one has to type stands at the end of its error, with nothing behind it") {
  Setup setup;
  CHECK(setup.error().ends_with("or use --backend local"));
  setup.sources.file = setup.dir.write("key", "bctrl_canary", 0644);
  CHECK(setup.error().ends_with("chmod 600 " + setup.sources.file));
}

TEST_CASE("key: the CLI's login") {
  Setup setup;
  SUBCASE("slashes at the end do not matter") {
    setup.login("https://api.bctrl.ai/v1//");
    setup.dir.write(kProductionSecret, "bctrl_login");
    CHECK(setup.good().key.reveal() == "bctrl_login");
  }
  SUBCASE("of another base URL") {
    setup.login("http://localhost:8787/v1");
    setup.dir.write(kProductionSecret, "bctrl_login");
    CHECK(contains(setup.error(), "is for another base URL"));
  }
  SUBCASE("in a keychain") {
    setup.login();
    CHECK(contains(setup.error(), "`bctrl auth token`"));
  }
  SUBCASE("unparsable metadata is logged out") {
    setup.login();
    for (std::string const text : {"", "{", "[]", "{}", R"({"apiBaseUrl":1})"}) {
      CAPTURE(text);
      setup.dir.write("auth.json", text);
      CHECK(contains(setup.error(), "is not a login"));
    }
  }
  SUBCASE("a secret open to others is refused") {
    setup.login();
    setup.dir.write(kProductionSecret, "bctrl_canary", 0644);
    CHECK(contains(setup.error(), "chmod 600"));
  }
  SUBCASE("the metadata file by name; the secret is beside it") {
    setup.env.set("BCTRL_AUTH_FILE",
                  setup.dir.write("sub/meta.json", R"({"apiBaseUrl":"https://api.bctrl.ai/v1"})"));
    setup.dir.write(std::string("sub/") + kProductionSecret, "bctrl_login");
    CHECK(setup.good().key.reveal() == "bctrl_login");
  }
  SUBCASE("below XDG_CONFIG_HOME") {
    setup.env.set("XDG_CONFIG_HOME", setup.dir.path());
    setup.dir.write("bctrl/auth.json", R"({"apiBaseUrl":"https://api.bctrl.ai/v1"})");
    setup.dir.write(std::string("bctrl/") + kProductionSecret, "bctrl_login");
    CHECK(setup.good().key.reveal() == "bctrl_login");
  }
  SUBCASE("nothing is changed") {
    setup.login();
    setup.dir.write(kProductionSecret, "bctrl_login\n");
    auto const before = std::filesystem::last_write_time(setup.dir / kProductionSecret);
    CHECK(setup.find().has_value());
    CHECK(std::filesystem::last_write_time(setup.dir / kProductionSecret) == before);
  }
}

TEST_CASE("key: a key of the local backend goes to this machine only") {
  Setup setup;
  setup.env.set("BCTRL_API_KEY", "local_canary");
  CHECK(contains(setup.error(), "environment BCTRL_API_KEY holds a key of the local backend"));
  CHECK(!contains(setup.error(), "canary"));
  setup.sources.base_url = "https://127.0.0.1.example.com/v1";
  CHECK(!setup.find());
  for (std::string const base :
       {"http://127.0.0.1:1/v1", "http://localhost:8787/v1", "http://[::1]:1/v1"}) {
    CAPTURE(base);
    setup.sources.base_url = base;
    CHECK(setup.good().key.reveal() == "local_canary");
  }
}
