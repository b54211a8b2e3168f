#include "daemon/crash_record.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fakes/until.hpp"
#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;
using Kind = Happening::Kind;

namespace {

Happening happening(Kind kind, std::string text = "") {
  Happening what;
  what.kind = kind;
  what.bridge = "main";
  what.runtime = RuntimeId("rt_1");
  what.text = std::move(text);
  return what;
}

struct Bench {
  net::Loop loop;
  test::TemporaryDirectory directory;

  [[nodiscard]] std::string path(char const* name) const {
    return (directory.path() / name).string();
  }
  Result<std::unique_ptr<CrashRecord>> try_open() {
    return CrashRecord::open(loop, directory.path().string());
  }
  std::unique_ptr<CrashRecord> open() {
    auto opened = try_open();
    REQUIRE_MESSAGE(opened.has_value(), opened.error().text());
    return std::move(*opened);
  }
  [[nodiscard]] std::string bytes(char const* name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

}  // namespace

TEST_CASE("crash record: what was noted is left to the next, and the owner stays the same") {
  Bench bench;
  std::string owner;
  {
    auto const record = bench.open();
    owner = record->owner();
    CHECK(owner.size() == 36);
    CHECK(record->left().all().empty());
    REQUIRE(test::finish(bench.loop, record->note(happening(Kind::starting, "key"))).has_value());
    CHECK(record->holdings().of("main").starting == "key");
    CHECK(record->left().all().empty());
  }
  auto const record = bench.open();
  CHECK(record->owner() == owner);
  CHECK(record->left().of("main").starting == "key");
  CHECK(record->holdings().of("main").starting == "key");
  for (auto const* name : {"journal", "owner"}) {
    struct stat now {};
    REQUIRE(::stat(bench.path(name).c_str(), &now) == 0);
    CHECK((now.st_mode & 0777) == 0600);
  }
}

TEST_CASE("crash record: what nobody waits for is written too, and in order") {
  Bench bench;
  {
    auto const record = bench.open();
    for (int i = 0; i < 100; ++i) record->note_soon(happening(Kind::context, std::to_string(i)));
    for (int i = 0; i < 99; ++i)
      record->note_soon(happening(Kind::context_gone, std::to_string(i)));
    test::finish(bench.loop, record->finish());
  }
  CHECK(bench.open()->left().of("main").contexts == std::set<std::string>{"99"});
}

TEST_CASE("crash record: it is compacted while it grows, and nothing is lost") {
  Bench bench;
  std::string const large(4000, 'x');
  {
    auto const record = bench.open();
    for (int i = 0; i < 200; ++i)
      REQUIRE(test::finish(bench.loop,
                           record->note(happening(Kind::starting, large + std::to_string(i))))
                  .has_value());
    REQUIRE(test::finish(bench.loop, record->note(happening(Kind::context, "last"))).has_value());
  }
  CHECK(bench.bytes("journal").size() < 400 * 1024);
  auto const record = bench.open();
  CHECK(record->left().of("main").starting == large + "199");
  CHECK(record->left().of("main").contexts.contains("last"));
  CHECK(bench.bytes("journal").size() < 10'000);
}

TEST_CASE(
    "crash record: a directory that another process uses, or that is none of ours, is refused") {
  {
    Bench bench;
    auto const record = bench.open();
    auto const second = bench.try_open();
    REQUIRE(!second);
    CHECK(second.error().is(Errc::refused));
    CHECK(second.error().text().find("another daemon has it") != std::string::npos);
  }
  for (auto const* name : {"journal", "owner"}) {
    CAPTURE(name);
    Bench bench;
    std::ofstream(bench.path(name)) << "the diary of somebody else, and quite long";
    auto const opened = bench.try_open();
    REQUIRE(!opened);
    CHECK(opened.error().is(Errc::bad_message));
    CHECK(bench.bytes(name).starts_with("the diary"));
  }
}

TEST_CASE("crash record: a torn tail is cut off and told") {
  Bench bench;
  {
    auto const record = bench.open();
    REQUIRE(test::finish(bench.loop, record->note(happening(Kind::starting, "key"))).has_value());
  }
  std::ofstream(bench.path("journal"), std::ios::app | std::ios::binary) << "half";
  log::Capture log;
  CHECK(bench.open()->left().of("main").starting == "key");
  CHECK(log.contains("4 bytes at its end were cut off"));
}

TEST_CASE("crash record: a disk that refuses is told to who waits") {
  Bench bench;
  auto const record = bench.open();
  log::Capture log;
  auto const noted =
      test::finish(bench.loop, record->note(happening(Kind::starting, std::string(70'000, 'x'))));
  REQUIRE(!noted);
  CHECK(noted.error().is(Errc::too_large));
  CHECK(log.contains("write "));
}
