#include "daemon/banner.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/config/support.hpp"
#include "tests/unit/daemon/daemon_bench.hpp"

using namespace bridge;

TEST_CASE("banner: the program's name where PATH leads to it, else its path") {
  auto const program = std::filesystem::read_symlink("/proc/self/exe");
  auto const folder = program.parent_path().string();
  test::TemporaryDirectory const other;
  auto const command = [](std::string path) {
    config::FakeEnv const env{{"PATH", std::move(path)}};
    return own_command(env.get());
  };
  CHECK(command("/nonexistent:" + folder) == program.filename());
  CHECK(command("/nonexistent") == program);
  CHECK(command("") == program);
  std::ofstream(other.path() / program.filename()) << "another one";
  CHECK(command(other.path().string() + ":" + folder) == program);
}

TEST_CASE("banner: every bridge with its address, and lines to paste") {
  test::DaemonBench bench;
  config::FakeEnv const env;
  auto const text = banner(bench.daemon, env.get());
  for (auto const& listed : bench.daemon.bridges())
    CHECK(config::contains(text, listed.bridge->config().name + "  " + listed.http));
  CHECK(config::contains(text, "curl " + bench.daemon.bridges().at(0).http + "/json/version"));
  CHECK(config::contains(text, " status\n"));
}
