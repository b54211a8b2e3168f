#include "base/log.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace bridge {
namespace {

using Lines = std::vector<std::string>;

/// What `write` prints on stderr.
template <class Write>
std::string printed(Write write) {
  std::fflush(stderr);
  auto* file = std::tmpfile();
  REQUIRE(file != nullptr);
  int const before = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  write();
  std::fflush(stderr);
  dup2(before, STDERR_FILENO);
  close(before);
  std::rewind(file);
  std::string out;
  std::array<char, 4096> chunk{};
  while (auto const n = std::fread(chunk.data(), 1, chunk.size(), file))
    out.append(chunk.data(), n);
  std::fclose(file);
  return out;
}

/// Leaves the logger as other tests expect it.
struct Restore {
  Restore() = default;
  Restore(Restore const&) = delete;
  Restore& operator=(Restore const&) = delete;
  ~Restore() { log::setup(LogLevel::info, log::Format::text); }
};

}  // namespace

TEST_CASE("log: a registered secret is masked wherever it stands") {
  log::mask("canary-api-key-0001");
  CHECK(log::redact("canary-api-key-0001") == "***");
  CHECK(log::redact("a=canary-api-key-0001canary-api-key-0001;") == "a=***;");
  CHECK(log::redact("nothing here") == "nothing here");
}

TEST_CASE("log: short texts are not registered, they would mask ordinary words") {
  log::mask("runtime");
  log::mask("");
  CHECK(log::redact("the runtime is up") == "the runtime is up");
}

TEST_CASE("log: a secret inside a longer one does not leave the rest of it readable") {
  log::mask("canary-short");
  log::mask("canary-short-and-longer-tail");
  CHECK(log::redact("x canary-short-and-longer-tail y") == "x *** y");
  CHECK(log::redact("x canary-short y") == "x *** y");
}

// A daemon makes a new connectUrl at every start of a runtime; its key is as old as itself.
TEST_CASE("log: the key is still masked after thousands of later secrets") {
  log::mask("canary-key-of-the-configuration");
  for (int i = 0; i < 5000; ++i) log::mask(fmt::format("connect-url-secret-{:06}", i));
  CHECK(log::redact("canary-key-of-the-configuration") == "***");
  CHECK(log::redact("connect-url-secret-004999") == "***");
}

TEST_CASE("log: bearer tokens are masked, registered or not") {
  CHECK(log::redact("Authorization: Bearer canaryTOKEN.abc-_~+/=") == "Authorization: Bearer ***");
  CHECK(log::redact("authorization: bearer canary1 and more") ==
        "authorization: bearer *** and more");
  CHECK(log::redact("BEARER  canary2,") == "BEARER  ***,");
  CHECK(log::redact("the bearer of news") == "the bearer *** news");
  CHECK(log::redact("a bearer") == "a bearer");
}

TEST_CASE("log: tokens in a query are masked, whatever the address") {
  CHECK(log::redact("GET http://127.0.0.1:9411/json/version?token=canary&x=1") ==
        "GET http://127.0.0.1:9411/json/version?token=***&x=1");
  CHECK(log::redact("/json?a=1&TOKEN=canary") == "/json?a=1&TOKEN=***");
  CHECK(log::redact("?api_key=canary 'password=canary' secret=canary key=canary\"") ==
        "?api_key=*** 'password=***' secret=*** key=***\"");
  // Other words that end alike are no tokens.
  CHECK(log::redact("monkey=banana tokens=4 mytoken=x") == "monkey=banana tokens=4 mytoken=x");
  CHECK(log::redact("ws://127.0.0.1:9411/devtools/browser/b1?token=canary") ==
        "ws://127.0.0.1:9411/devtools/browser/b1?token=***");
}

TEST_CASE("log: path and query of a ws address elsewhere are masked, they are its credential") {
  CHECK(log::redact("dial wss://cdp.bctrl.ai/canary/path?x=canary failed") ==
        "dial wss://cdp.bctrl.ai/*** failed");
  CHECK(log::redact("\"ws://10.0.0.7:9222/canary\"") == "\"ws://10.0.0.7:9222/***\"");
  CHECK(log::redact("wss://cdp.bctrl.ai?session=canary") == "wss://cdp.bctrl.ai/***");
  CHECK(log::redact("WSS://CDP.bctrl.ai/canary") == "WSS://CDP.bctrl.ai/***");
  CHECK(log::redact("wss://cdp.bctrl.ai/devtools/browser/canary") == "wss://cdp.bctrl.ai/***");
  CHECK(log::redact("ws://127.0.0.1.evil.example/devtools/canary") ==
        "ws://127.0.0.1.evil.example/***");
  CHECK(log::redact("ws://localhost.evil.example:1/devtools/canary") ==
        "ws://localhost.evil.example:1/***");
  CHECK(log::redact("wss://[2001:db8::1]:443/canary") == "wss://[2001:db8::1]:443/***");
  CHECK(log::redact("wss://a.example/canary1 wss://b.example/canary2") ==
        "wss://a.example/*** wss://b.example/***");
}

TEST_CASE("log: addresses of our own endpoint stay readable, one must be able to paste them") {
  for (std::string_view const line :
       {"listening on ws://127.0.0.1:9411/devtools/browser/0a-1b",
        "ws://localhost:9411/devtools/page/AB12", "ws://[::1]:9411/devtools/browser/x",
        "ws://127.0.0.1/devtools/browser/x", "wss://cdp.bctrl.ai:443", "wss://cdp.bctrl.ai/",
        "http://127.0.0.1:9411/json/version", "https://api.bctrl.ai/v1/runtimes"}) {
    CAPTURE(line);
    CHECK(log::redact(line) == line);
  }
  // Another path on this machine may be a tunnel to a credential.
  CHECK(log::redact("ws://127.0.0.1:9411/canary") == "ws://127.0.0.1:9411/***");
}

TEST_CASE("log: user and password of a proxy are masked") {
  CHECK(log::redact("proxy http://canary:canary@proxy.example:3128") ==
        "proxy http://***@proxy.example:3128");
  CHECK(log::redact("https://canary@host/ and http://x:canary@y/") ==
        "https://***@host/ and http://***@y/");
  CHECK(log::redact("wss://canary:canary@host.example/canary") == "wss://***@host.example/***");
  CHECK(log::redact("mail a@b.example, see http://host/a@b") ==
        "mail a@b.example, see http://host/a@b");
}

TEST_CASE("log: what looks like an API key is masked, registered or not") {
  CHECK(log::redact("read sk_live_51canaryCanary: No such file") == "read ***: No such file");
  CHECK(log::redact("\"bctrl_live_4canarycanary\"") == "\"***\"");
  CHECK(log::redact("sk_live_canaryCanary") == "***");
  CHECK(log::redact("local_canary-canary-1") == "***");
  for (std::string_view const line :
       {"/srv/bctrl_projects/config.yaml", "risk_register_of_2026_and_more", "sk_live_",
        "local_backend_of_this_machine", "task sk-1"}) {
    CAPTURE(line);
    CHECK(log::redact(line) == line);
  }
}

TEST_CASE("log: the form of a proxy's address in a help text stays readable") {
  std::string_view const help = "write http://[USER:PASSWORD@]HOST:PORT";
  CHECK(log::redact(help) == help);
  CHECK(log::redact("HTTPS_PROXY must be http://[user:password@]host:port") ==
        "HTTPS_PROXY must be http://[user:password@]host:port");
}

TEST_CASE("log: an address without a credential is no secret, though it is kept as one") {
  log::mask("http://127.0.0.1:49221");
  log::mask("ws://127.0.0.1:49221/");
  CHECK(log::redact("dial http://127.0.0.1:49221: Connection refused") ==
        "dial http://127.0.0.1:49221: Connection refused");
  for (std::string const secret : {"http://127.0.0.1:49221/x", "http://u@127.0.0.1:49221",
                                   "http://127.0.0.1:49221?t", "ws://127.0.0.1:49221//x"}) {
    log::mask(secret);
    CHECK(log::redact("dial " + secret) == "dial ***");
  }
}

TEST_CASE("log: a line of a megabyte is masked without trouble") {
  std::string const tail(1'000'000, 'z');
  CHECK(log::redact("wss://cdp.bctrl.ai/" + tail) == "wss://cdp.bctrl.ai/***");
  CHECK(log::redact("Bearer " + tail) == "Bearer ***");
  CHECK(log::redact("?token=" + tail) == "?token=***");
  CHECK(log::redact("http://" + tail + "@h") == "http://***@h");
  CHECK(log::redact("http://" + tail).size() == 7 + tail.size());
}

TEST_CASE("log: an object's lines carry its prefix, made once") {
  log::Capture capture;
  Log const log("main c7");
  log.info("client {} of {}", 1, "two");
  Log().warn("plain");
  Log("").error("also plain");
  CHECK(capture.lines() == Lines{"[main c7] client 1 of two", "plain", "also plain"});
  CHECK(capture.contains("of two"));
  CHECK_FALSE(capture.contains("three"));
}

TEST_CASE("log: what is written has passed the mask, and is one line") {
  log::Capture capture;
  log::mask("canary-in-a-line");
  Log const log("x");
  log.trace("key canary-in-a-line\nsecond\r\n\x1b[31mred\x01");
  REQUIRE(capture.lines().size() == 1);
  CHECK(capture.lines()[0] == "[x] key *** second   [31mred ");
}

TEST_CASE("log: below the level nothing is formatted or written") {
  Restore const restore;
  log::setup(LogLevel::warn, log::Format::text);
  CHECK_FALSE(log::enabled(LogLevel::info));
  CHECK(log::enabled(LogLevel::warn));
  CHECK(printed([] {
          Log("x").info("no");
          log::write(LogLevel::debug, "no");
        }).empty());
  log::setup(LogLevel::off, log::Format::text);
  CHECK(printed([] { Log("x").error("no"); }).empty());
}

TEST_CASE("log: text lines carry time and level") {
  Restore const restore;
  log::setup(LogLevel::trace, log::Format::text);
  auto const text = printed([] {
    Log("x").info("hello");
    Log("x").warn("two\nlines");
    Log("x").trace("t");
  });
  CHECK(std::regex_match(text, std::regex(R"(\d\d:\d\d:\d\d\.\d{3} info  \[x\] hello
\d\d:\d\d:\d\d\.\d{3} warn  \[x\] two lines
\d\d:\d\d:\d\d\.\d{3} trace \[x\] t
)")));
}

TEST_CASE("log: JSON lines are objects, whatever was written") {
  Restore const restore;
  log::setup(LogLevel::trace, log::Format::json);
  auto const text = printed([] { Log("x").error("a \"quoted\" back\\slash\ttab\x01"); });
  CHECK(std::regex_match(
      text, std::regex(R"(\{"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"error",)"
                       R"("msg":"\[x\] a \\"quoted\\" back\\\\slash tab "\}
)")));
}

TEST_CASE("log: journal lines carry the priority systemd reads") {
  Restore const restore;
  log::setup(LogLevel::trace, log::Format::journal);
  CHECK(printed([] {
          Log log("x");
          log.error("e");
          log.warn("w");
          log.info("i");
          log.debug("d");
          log.trace("t");
        }) == "<3>[x] e\n<4>[x] w\n<6>[x] i\n<7>[x] d\n<7>[x] t\n");
}

TEST_CASE("log: the automatic format is journal exactly when systemd reads our stderr") {
  Restore const restore;
  auto const with_stream = [](bool same) {
    return printed([same] {
      struct stat found {};
      REQUIRE(fstat(STDERR_FILENO, &found) == 0);
      auto const stream = fmt::format("{}:{}", found.st_dev, found.st_ino + (same ? 0U : 1U));
      setenv("JOURNAL_STREAM", stream.c_str(), 1);
      log::setup(LogLevel::info);
      Log("x").info("hello");
      unsetenv("JOURNAL_STREAM");
    });
  };
  CHECK(with_stream(true) == "<6>[x] hello\n");
  CHECK(with_stream(false).ends_with("info  [x] hello\n"));
}

TEST_CASE("log: a capture starts empty and ends with itself") {
  Restore const restore;
  {
    log::Capture const first;
    Log("x").info("one");
  }
  log::Capture const second;
  CHECK(second.lines().empty());
}

TEST_CASE("log: threads may write and register secrets at once") {
  log::Capture const capture;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        auto const canary = fmt::format("canary-thread-{}-{:04}", t, i);
        log::mask(canary);
        Log("x").info("{}", canary);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(capture.lines().size() == 800);
  CHECK_FALSE(capture.contains("canary"));
}

}  // namespace bridge
