#include "local/blobs.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "temporary_directory.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::local;

namespace {

constexpr auto* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Bench {
  test::TemporaryDirectory home;
  net::Loop loop;
  net::Disk disk{1};
  std::unique_ptr<Blobs> blobs = Blobs::open(home.path() / "blobs", disk).value();

  template <class Body>
  void run(Body body) {
    test::run(loop, body());
  }
  [[nodiscard]] std::size_t files() const {
    std::filesystem::directory_iterator const all(home.path() / "blobs");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  [[nodiscard]] std::string text(std::string const& hash) const {
    auto const file = blobs->read(hash);
    return file ? read_at(file->get(), 0, 1000).value() : "none";
  }
};

BlobWriter written(Blobs& blobs, std::string_view text) {
  auto writer = blobs.begin().value();
  for (char const c : text) REQUIRE(writer.write(std::string_view(&c, 1)).has_value());
  return writer;
}

}  // namespace

TEST_CASE("blobs: contents are kept under their SHA-256, once") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      auto writer = written(*bench.blobs, "abc");
      auto const blob = co_await bench.blobs->keep(std::move(writer));
      REQUIRE(blob.has_value());
      CHECK(blob->hash() == kAbc);
      CHECK(blob->size() == 3);
      CHECK(bench.files() == 1);
      CHECK(bench.text(kAbc) == "abc");
    }
  });
}

TEST_CASE("blobs: what is not kept leaves nothing") {
  Bench bench;
  {
    auto const writer = written(*bench.blobs, "abc");
    CHECK(bench.files() == 1);
  }
  CHECK(bench.files() == 0);
}

TEST_CASE("blobs: a blob is not removed while somebody is about to use it") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto writer = written(*bench.blobs, "abc");
    {
      auto const blob = co_await bench.blobs->keep(std::move(writer));
      bench.blobs->remove(kAbc);
      CHECK(bench.text(kAbc) == "abc");
    }
    bench.blobs->remove(kAbc);
    CHECK(bench.text(kAbc) == "none");
  });
}

TEST_CASE("blobs: bytes come from and go to other files") {
  Bench bench;
  auto const path = bench.home.path() / "other";
  std::ofstream(path) << "abc";
  bench.run([&]() -> awaitable<void> {
    Descriptor from(::open(path.c_str(), O_RDONLY));
    auto const blob = co_await bench.blobs->take(std::move(from), 3);
    REQUIRE(blob.has_value());
    CHECK(blob->hash() == kAbc);
    Descriptor again(::open(path.c_str(), O_RDONLY));
    auto const large = co_await bench.blobs->take(std::move(again), 2);
    REQUIRE_FALSE(large.has_value());
    CHECK(large.error().is(Errc::too_large));
    auto const copied_to = bench.home.path() / "copy";
    Descriptor const to(::open(copied_to.c_str(), O_RDWR | O_CREAT, 0600));
    auto const copied = co_await bench.blobs->copy(kAbc, to);
    CHECK(copied.has_value());
    CHECK(read_at(to.get(), 0, 10).value() == "abc");
  });
  CHECK(bench.files() == 1);
}

TEST_CASE("blobs: a long copy ends when the disk stops, a short one is finished") {
  Bench bench;
  auto const put = [&](std::string const& name, std::size_t size) {
    std::ofstream(bench.home.path() / name) << std::string(size, 'x');
    return Descriptor(::open((bench.home.path() / name).c_str(), O_RDONLY));
  };
  bench.run([&]() -> awaitable<void> {
    auto first = put("first", 3 << 20);
    auto const kept = co_await bench.blobs->take(std::move(first), 4 << 20);
    REQUIRE(kept.has_value());
    bench.disk.stop();
    auto again = put("again", 3 << 20);
    auto const taken = co_await bench.blobs->take(std::move(again), 4 << 20);
    REQUIRE_FALSE(taken.has_value());
    CHECK(taken.error().is(Errc::cancelled));
    auto const path = bench.home.path() / "to";
    Descriptor const to(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
    auto const copied = co_await bench.blobs->copy(kept->hash(), to);
    REQUIRE_FALSE(copied.has_value());
    CHECK(copied.error().is(Errc::cancelled));
    auto small = put("small", 3);
    auto const short_one = co_await bench.blobs->take(std::move(small), 3);
    CHECK(short_one.has_value());
  });
  CHECK(bench.files() == 2);
}

TEST_CASE("disk: what its work throws, the caller gets") {
  Bench bench;
  bench.run([&]() -> awaitable<void> {
    auto work = []() -> int { throw std::bad_alloc(); };
    bool thrown = false;
    try {
      [[maybe_unused]] auto const none = co_await bench.disk.run(work);
    } catch (std::bad_alloc const&) {
      thrown = true;
    }
    CHECK(thrown);
    auto next = [] { return 7; };
    auto const seven = co_await bench.disk.run(next);
    CHECK(seven == 7);
  });
}

TEST_CASE("blobs: after a kill what was kept is there, and what was not is swept away") {
  test::TemporaryDirectory home;
  auto const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    net::Loop loop;
    net::Disk disk{1};
    auto blobs = Blobs::open(home.path() / "blobs", disk).value();
    auto body = [&]() -> awaitable<void> {
      auto writer = written(*blobs, "abc");
      auto const kept = co_await blobs->keep(std::move(writer));
      auto const half = written(*blobs, "half");
      ::raise(SIGKILL);
    };
    test::run(loop, body());
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  net::Disk disk{1};
  auto blobs = Blobs::open(home.path() / "blobs", disk).value();
  blobs->remove_others({kAbc});
  std::filesystem::directory_iterator const all(home.path() / "blobs");
  CHECK(std::distance(begin(all), end(all)) == 1);
  auto const file = blobs->read(kAbc);
  REQUIRE(file.has_value());
  CHECK(read_at(file->get(), 0, 10).value() == "abc");
}
