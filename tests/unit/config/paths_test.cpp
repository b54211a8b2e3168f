#include "config/paths.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace bridge::config;
using bridge::Errc;

TEST_CASE("paths: configuration") {
  FakeEnv env;
  CHECK(config_dir(env.get()).empty());
  env.set("HOME", "/home/u/");
  CHECK(config_dir(env.get()) == "/home/u/.config/bctrl-bridge");
  env.set("XDG_CONFIG_HOME", "relative");
  CHECK(config_dir(env.get()) == "/home/u/.config/bctrl-bridge");
  env.set("XDG_CONFIG_HOME", "/x");
  CHECK(config_dir(env.get()) == "/x/bctrl-bridge");
}

TEST_CASE("paths: state") {
  FakeEnv env;
  REQUIRE(!state_dir(env.get()));
  CHECK(
      contains(state_dir(env.get()).error().text(), "set HOME, XDG_STATE_HOME or STATE_DIRECTORY"));
  env.set("HOME", "/home/u");
  CHECK(*state_dir(env.get()) == "/home/u/.local/state/bctrl-bridge");
  env.set("XDG_STATE_HOME", "/x");
  CHECK(*state_dir(env.get()) == "/x/bctrl-bridge");
  env.set("STATE_DIRECTORY", "/nowhere/a:/nowhere/b");
  CHECK(*state_dir(env.get()) == "/nowhere/a");
}

TEST_CASE("paths: systemd's own link of DynamicUser= is followed") {
  TempDir const dir;
  std::filesystem::create_directories(dir / "private/b");
  std::filesystem::create_directory_symlink(dir / "private/b", dir / "b");
  FakeEnv const env{{"STATE_DIRECTORY", dir / "b"}};
  CHECK(*state_dir(env.get()) == std::filesystem::canonical(dir / "private/b"));
}

TEST_CASE("paths: runtime directory, never /tmp") {
  TempDir const run_user;
  FakeEnv env;
  CHECK(runtime_dir(env.get(), run_user.path()).error().is(Errc::not_found));
  env.set("HOME", "/home/u");
  CHECK(*runtime_dir(env.get(), run_user.path()) == "/home/u/.local/state/bctrl-bridge/run");
  auto const login = run_user / std::to_string(::geteuid());
  std::filesystem::create_directory(login);
  CHECK(*runtime_dir(env.get(), run_user.path()) == login + "/bctrl-bridge");
  env.set("XDG_RUNTIME_DIR", "/run/x");
  CHECK(*runtime_dir(env.get(), run_user.path()) == "/run/x/bctrl-bridge");
  env.set("RUNTIME_DIRECTORY", "/run/nowhere:/run/b");
  CHECK(*runtime_dir(env.get(), run_user.path()) == "/run/nowhere");
}

TEST_CASE("paths: a private directory is made with its parents, and closed") {
  TempDir const dir;
  auto const path = dir / "a/b/c";
  CHECK(make_private_dir(path).has_value());
  CHECK(make_private_dir(path).has_value());
  CHECK(make_private_dir(path + "/").has_value());
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0700);
  REQUIRE(::stat((dir / "a").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0700);
}

TEST_CASE("paths: a directory that may not be trusted is refused") {
  TempDir const dir;
  auto const refused = [](std::string const& path) {
    auto const made = make_private_dir(path);
    REQUIRE(!made);
    CHECK(made.error().is(Errc::refused));
    return made.error().text();
  };
  std::filesystem::create_directory(dir / "real");
  std::filesystem::create_directory_symlink(dir / "real", dir / "link");
  CHECK(contains(refused(dir / "link"), "symbolic link"));
  CHECK(contains(refused(dir / "link/"), "symbolic link"));
  dir.write("file", "x");
  CHECK(contains(refused(dir / "file"), "not a directory"));
  std::filesystem::create_directory(dir / "open");
  ::chmod((dir / "open").c_str(), 0777);
  CHECK(contains(refused(dir / "open"), "chmod 700 " + (dir / "open")));
  if (::geteuid() == 0) {
    std::filesystem::create_directory(dir / "foreign");
    REQUIRE(::chown((dir / "foreign").c_str(), 12345, 0) == 0);
    CHECK(contains(refused(dir / "foreign"), "belongs to user 12345, and we are 0"));
  }
  CHECK(!make_private_dir(dir / "file/below"));
}

TEST_CASE("paths: a socket's path has room for 107 bytes") {
  CHECK(check_socket_path("/" + std::string(106, 'a')).has_value());
  auto const long_one = check_socket_path("/" + std::string(107, 'a'));
  REQUIRE(!long_one);
  CHECK(contains(long_one.error().text(),
                 "has 108 bytes, 107 fit; set XDG_RUNTIME_DIR to a shorter"));
}

TEST_CASE("paths: the system service is asked only where this user has no socket") {
  TempDir const dir;
  FakeEnv const env{{"XDG_RUNTIME_DIR", dir / "own"}};
  auto const own = dir / "own/bctrl-bridge/control.sock";
  auto const system = dir / "system/control.sock";
  auto const found = [&] { return find_control_socket(env.get(), dir / "system"); };
  CHECK(found().value() == own);
  dir.write("system/control.sock", "");
  CHECK(found().value() == system);
  dir.write("own/bctrl-bridge/control.sock", "");
  CHECK(found().value() == own);
}

TEST_CASE("paths: a system service that answers others only is told, with the way out") {
  TempDir const dir;
  dir.write("system/control.sock", "");
  REQUIRE(::chmod((dir / "system").c_str(), 0) == 0);
  FakeEnv const env{{"XDG_RUNTIME_DIR", "/nonexistent"}};
  auto const us = ::geteuid();
  REQUIRE((us != 0 || ::seteuid(12345) == 0));  // root may open everything
  auto const found = find_control_socket(env.get(), dir / "system");
  REQUIRE(::seteuid(us) == 0);
  REQUIRE(::chmod((dir / "system").c_str(), 0700) == 0);
  REQUIRE(!found);
  CHECK(contains(found.error().text(), "put sudo before the command"));
}
