#include "local/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "net/tasks.hpp"
#include "process_tree.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::local;
using bridge::test::gone_within;

namespace {

std::unique_ptr<Process> shell(net::Loop& loop, std::string script) {
  return Process::spawn(loop, "/bin/sh", {"-c", std::move(script)}).value();
}

awaitable<std::string> output_of(Process& process) {
  std::string text;
  for (;;) {
    auto const bytes = co_await process.read_output();
    if (!bytes) co_return text;
    text += *bytes;
  }
}

awaitable<void> until_exited(Process& process) {
  auto const ended = co_await process.exited();
  CHECK(ended.has_value());
}

// Reads until a whole line has come: a process id.
awaitable<pid_t> read_pid(Process& process) {
  std::string text;
  while (text.find('\n') == std::string::npos) {
    auto const bytes = co_await process.read_output();
    text += bytes.value();
  }
  co_return std::stoi(text);
}

}  // namespace

TEST_CASE("process: both outputs are read and the ending is told") {
  net::Loop loop;
  auto const process = shell(loop, "echo out; echo err >&2; exit 3");
  test::run(loop, [](Process& p) -> awaitable<void> {
    auto const text = co_await output_of(p);
    CHECK(text == "out\nerr\n");
    co_await until_exited(p);
    CHECK(p.ending() == "exited with status 3");
    co_await until_exited(p);
  }(*process));
}

TEST_CASE("process: a signal is named") {
  net::Loop loop;
  auto const process = shell(loop, "kill -SEGV $$");
  test::run(loop, [](Process& p) -> awaitable<void> {
    co_await until_exited(p);
    CHECK(p.ending().starts_with("was killed by signal 11"));
  }(*process));
}

TEST_CASE("process: our secrets and systemd's variables are not inherited") {
  setenv("BCTRL_API_KEY", "bctrl_canary", 1);
  setenv("NOTIFY_SOCKET", "/canary", 1);
  setenv("LISTEN_FDS", "canary", 1);
  setenv("CREDENTIALS_DIRECTORY", "/canary", 1);
  net::Loop loop;
  auto const process = shell(loop, "env; echo fds; ls /proc/$$/fd | wc -l; cat");
  test::run(loop, [](Process& p) -> awaitable<void> {
    auto const text = co_await output_of(p);
    CHECK(text.find("canary") == std::string::npos);
    CHECK(text.find("PATH=") != std::string::npos);
    // stdin, stdout, stderr and what the shell itself holds while it lists them; "cat" found an
    // empty stdin.
    auto const count = std::stoi(text.substr(text.find("fds\n") + 4));
    CHECK(count <= 4);
  }(*process));
  for (auto const* const name :
       {"BCTRL_API_KEY", "NOTIFY_SOCKET", "LISTEN_FDS", "CREDENTIALS_DIRECTORY"})
    unsetenv(name);
}

TEST_CASE("process: a variable of ours takes the place of an inherited one") {
  net::Loop loop;
  setenv("BRIDGE_TEST_HOME", "theirs", 1);
  std::vector<std::string> const script{"-c", "env | grep ^BRIDGE_TEST_ | sort"};
  auto const process =
      Process::spawn(loop, "/bin/sh", script, {"BRIDGE_TEST_HOME=ours", "BRIDGE_TEST_X=1"}).value();
  test::run(loop, [](Process& p) -> awaitable<void> {
    auto const text = co_await output_of(p);
    CHECK(text == "BRIDGE_TEST_HOME=ours\nBRIDGE_TEST_X=1\n");
  }(*process));
  unsetenv("BRIDGE_TEST_HOME");
}

TEST_CASE("process: a program that cannot be executed says so") {
  std::cout.flush();  // ThreadSanitizer's _exit() writes out what the child inherits of it
  net::Loop loop;
  auto const process = Process::spawn(loop, "/nonexistent", {}).value();
  test::run(loop, [](Process& p) -> awaitable<void> {
    auto const text = co_await output_of(p);
    CHECK(text == "the program cannot be executed\n");
    co_await until_exited(p);
    CHECK(p.ending() == "exited with status 127");
  }(*process));
}

TEST_CASE("process: when the program ends, the rest of its group is killed") {
  net::Loop loop;
  auto const process = shell(loop, "sleep 600 >/dev/null 2>&1 & echo $!");
  test::run(loop, [](Process& p) -> awaitable<void> {
    auto const child = co_await read_pid(p);
    co_await until_exited(p);
    CHECK(gone_within(child, 5s));
  }(*process));
}

TEST_CASE("process: destroying it kills the program and its children") {
  net::Loop loop;
  auto process = shell(loop, "trap '' TERM; sleep 600 & echo $!; wait");
  pid_t child = 0;
  test::run(loop, [](Process& p, pid_t& pid) -> awaitable<void> {
    pid = co_await read_pid(p);
  }(*process, child));
  auto const pid = process->pid();
  process.reset();
  CHECK(gone_within(pid, 5s));
  CHECK(gone_within(child, 5s));
}

TEST_CASE("process: nothing outlives the kill -9 of its starter, not even a stopped grandchild") {
  // The wrapper does not exec: the kernel's parent-death signal reaches it alone, the rest is the
  // watchdog's work.
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  pid_t const starter = fork();
  REQUIRE(starter >= 0);
  if (starter == 0) {
    net::Loop loop;
    auto const process = shell(loop, "sh -c 'sleep 600 & kill -STOP $!; echo $!; wait'; true");
    test::run(loop, [](Process& p, int to) -> awaitable<void> {
      auto const child = co_await read_pid(p);
      std::array<pid_t, 2> const pids{p.pid(), child};
      [[maybe_unused]] auto const written = write(to, pids.data(), sizeof pids);
      co_await net::sleep_for(50s);
    }(*process, ends[1]));
    _exit(0);
  }
  std::array<pid_t, 2> pids{};
  REQUIRE(read(ends[0], pids.data(), sizeof pids) == sizeof pids);
  REQUIRE(::kill(starter, SIGKILL) == 0);
  waitpid(starter, nullptr, 0);
  for (auto const pid : pids) CHECK(gone_within(pid, 5s));
  close(ends[0]);
  close(ends[1]);
}
