#include "systemd/notify.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/secret.hpp"

using namespace std::chrono_literals;
using bridge::systemd::Notifier;

namespace {

using Messages = std::vector<std::string>;

/// An environment made of literals. It must outlive the getter taken from it.
struct FakeEnv {
  std::map<std::string, std::string> values;

  [[nodiscard]] Notifier::Env get() const {
    return [this](char const* name) -> char const* {
      auto const found = values.find(name);
      return found == values.end() ? nullptr : found->second.c_str();
    };
  }
};

/// A directory of one test, removed at its end.
class TempDir {
 public:
  TempDir() {
    auto pattern = (std::filesystem::temp_directory_path() / "bctrl-notify-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempDir(TempDir const&) = delete;
  TempDir& operator=(TempDir const&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string operator/(std::string const& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Stands in for systemd: a datagram socket at a path, or at an abstract name that starts with '@'.
class Manager {
 public:
  explicit Manager(std::string const& name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    auto size = offsetof(sockaddr_un, sun_path) + name.size() + 1;
    if (name.front() == '@') {
      address.sun_path[0] = '\0';
      --size;
    }
    auto const* where = reinterpret_cast<sockaddr const*>(&address);
    REQUIRE(::bind(socket_, where, static_cast<socklen_t>(size)) == 0);
  }
  Manager(Manager const&) = delete;
  Manager& operator=(Manager const&) = delete;
  ~Manager() { ::close(socket_); }

  /// What has come since the last call.
  [[nodiscard]] Messages heard() const {
    Messages all;
    char buffer[8192];
    for (;;) {
      auto const size = ::recv(socket_, buffer, sizeof buffer, 0);
      if (size < 0) return all;
      all.emplace_back(buffer, static_cast<std::size_t>(size));
    }
  }

 private:
  int socket_;
};

/// A manager at a path, and a notifier that knows it.
struct Pair {
  TempDir dir;
  Manager manager{dir / "notify"};
  FakeEnv env{{{"NOTIFY_SOCKET", dir / "notify"}}};
  Notifier notifier{env.get()};
};

std::optional<std::chrono::microseconds> interval(std::map<std::string, std::string> values) {
  values["NOTIFY_SOCKET"] = "@bctrl-nobody";
  FakeEnv const env{std::move(values)};
  return Notifier(env.get()).watchdog_interval();
}

void say_everything(Notifier& notifier) {
  notifier.ready("one");
  notifier.status("two");
  notifier.reloading();
  notifier.stopping();
  notifier.extend(1s);
  notifier.ping();
}

bool is_in_use(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

int lowest_free_fd() {
  int const fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(fd);
  return fd;
}

}  // namespace

TEST_CASE("notify: without NOTIFY_SOCKET nothing happens and nothing is logged") {
  bridge::log::Capture const log;
  FakeEnv env;
  SUBCASE("not set") {}
  SUBCASE("empty") {
    env.values["NOTIFY_SOCKET"] = "";
  }
  env.values["WATCHDOG_USEC"] = "1000000";
  int const fd = lowest_free_fd();
  Notifier notifier(env.get());
  say_everything(notifier);
  CHECK_FALSE(is_in_use(fd));
  CHECK_FALSE(notifier.watchdog_interval());
  CHECK(log.lines().empty());
}

TEST_CASE("notify: a getter that is no function is an empty environment") {
  Notifier notifier(nullptr);
  say_everything(notifier);
  CHECK_FALSE(notifier.watchdog_interval());
}

TEST_CASE("notify: the messages reach a socket at a path, one datagram each") {
  Pair pair;
  pair.notifier.ready("2 bridges");
  pair.notifier.status("1 client");
  pair.notifier.ping();
  pair.notifier.extend(30s);
  pair.notifier.stopping();
  CHECK(pair.manager.heard() == Messages{"READY=1\nSTATUS=2 bridges", "STATUS=1 client",
                                         "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=30000000",
                                         "STOPPING=1"});
}

TEST_CASE("notify: the messages reach an abstract socket") {
  auto const name = "@bctrl-notify-test-" + std::to_string(::getpid());
  Manager const manager(name);
  FakeEnv const env{{{"NOTIFY_SOCKET", name}}};
  Notifier notifier(env.get());
  notifier.ready("up");
  CHECK(manager.heard() == Messages{"READY=1\nSTATUS=up"});
}

TEST_CASE("notify: a reload carries its monotonic time in the same datagram") {
  Pair pair;
  auto const now = [] {
    auto const time = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  };
  auto const before = now();
  pair.notifier.reloading();
  auto const after = now();
  auto const heard = pair.manager.heard();
  REQUIRE(heard.size() == 1);
  std::string const start = "RELOADING=1\nMONOTONIC_USEC=";
  REQUIRE(heard[0].starts_with(start));
  auto const time = std::stoll(heard[0].substr(start.size()));
  CHECK(time >= before);
  CHECK(time <= after);
}

TEST_CASE("notify: a status cannot smuggle in another assignment") {
  Pair pair;
  pair.notifier.status("runtime \"x\nSTOPPING=1\r\n\tMAINPID=1\x7f\"");
  CHECK(pair.manager.heard() == Messages{"STATUS=runtime \"x STOPPING=1   MAINPID=1 \""});
}

TEST_CASE("notify: the same status is sent once, until another one was sent") {
  Pair pair;
  pair.notifier.ready("a");
  pair.notifier.status("a");
  CHECK(pair.manager.heard().size() == 1);
  pair.notifier.status("b");
  pair.notifier.status("b");
  pair.notifier.status("a");
  CHECK(pair.manager.heard() == Messages{"STATUS=b", "STATUS=a"});
  pair.notifier.ready("a");
  CHECK(pair.manager.heard() == Messages{"READY=1\nSTATUS=a"});
}

TEST_CASE("notify: no secret in a status") {
  Pair pair;
  bridge::Secret const canary("canary-5f1d2c7e");
  pair.notifier.status("dial wss://cdp.example.com/t?token=other: " + canary.reveal());
  auto const heard = pair.manager.heard();
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].find("canary") == std::string::npos);
  CHECK(heard[0].find("other") == std::string::npos);
  CHECK(heard[0].starts_with("STATUS=dial wss://cdp.example.com/"));
}

TEST_CASE("notify: a long status is cut between two characters and stays below systemd's limit") {
  Pair pair;
  std::string text = "x";
  while (text.size() < 5000) text += "\u00e4";
  pair.notifier.ready(text);
  auto const heard = pair.manager.heard();
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].size() < 4096);
  CHECK(heard[0].size() > 2000);
  CHECK(heard[0].ends_with("\u00e4"));
}

TEST_CASE("notify: trouble is one warning and never more") {
  bridge::log::Capture const log;
  TempDir const dir;
  FakeEnv env;
  SUBCASE("nobody at the path") {
    env.values["NOTIFY_SOCKET"] = dir / "nobody";
  }
  SUBCASE("nobody at the abstract name") {
    env.values["NOTIFY_SOCKET"] = "@bctrl-nobody";
  }
  SUBCASE("a path that is too long") {
    env.values["NOTIFY_SOCKET"] = dir / std::string(200, 'x');
  }
  SUBCASE("an abstract name of nothing") {
    env.values["NOTIFY_SOCKET"] = "@";
  }
  SUBCASE("a relative path") {
    env.values["NOTIFY_SOCKET"] = "notify";
  }
  SUBCASE("another address family") {
    env.values["NOTIFY_SOCKET"] = "vsock:2:1234";
  }
  Notifier notifier(env.get());
  say_everything(notifier);
  say_everything(notifier);
  CHECK(log.lines().size() == 1);
  CHECK(log.contains("[systemd] "));
}

TEST_CASE("notify: a manager that does not read delays us, and is then reported") {
  bridge::log::Capture const log;
  Pair pair;
  auto const start = std::chrono::steady_clock::now();
  // Past the queue's length (net.unix.max_dgram_qlen); the first that does not fit waits.
  for (int i = 0; i < 10'000 && log.lines().empty(); ++i) pair.notifier.ping();
  CHECK(log.lines().size() == 1);
  CHECK(std::chrono::steady_clock::now() - start < 10s);
}

TEST_CASE("notify: a status does not wait for a manager that does not read, but comes later") {
  bridge::log::Capture const log;
  Pair pair;
  auto const start = std::chrono::steady_clock::now();
  std::string last;
  for (int i = 0; i < 10'000 && log.lines().empty(); ++i)
    pair.notifier.status(last = std::to_string(i));
  CHECK(log.lines().size() == 1);
  CHECK(std::chrono::steady_clock::now() - start < 900ms);
  CHECK_FALSE(pair.manager.heard().empty());
  pair.notifier.status(last);
  CHECK(pair.manager.heard() == Messages{"STATUS=" + last});
}

TEST_CASE("notify: the socket is not inherited by children and is closed at the end") {
  TempDir const dir;
  Manager const manager(dir / "notify");
  FakeEnv const env{{{"NOTIFY_SOCKET", dir / "notify"}}};
  int const fd = lowest_free_fd();
  {
    Notifier const notifier(env.get());
    REQUIRE(is_in_use(fd));
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK_FALSE(is_in_use(fd));
}

TEST_CASE("notify: the watchdog is for us when WATCHDOG_PID says so or is absent") {
  auto const self = std::to_string(::getpid());
  auto const other = std::to_string(::getppid());
  CHECK(interval({{"WATCHDOG_USEC", "30000000"}}) == 15s);
  CHECK(interval({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", self}}) == 15s);
  CHECK_FALSE(interval({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", other}}));
  CHECK_FALSE(interval({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "x"}}));
  CHECK_FALSE(interval({{"WATCHDOG_PID", self}}));
}

TEST_CASE("notify: a watchdog time that makes no sense is none") {
  for (auto const* usec : {"", "0", "1", "-5", "10s", " 10", "99999999999999999999"}) {
    CAPTURE(usec);
    CHECK_FALSE(interval({{"WATCHDOG_USEC", usec}}));
  }
  CHECK(interval({{"WATCHDOG_USEC", "3"}}) == 1us);
}
