#include "local/seal.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "local/store.hpp"
#include "temporary_directory.hpp"

namespace bridge::local {
namespace {

namespace fs = std::filesystem;

std::string content(fs::path const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A state directory with one sealed secret in it.
struct Bench {
  Bench() {
    auto const store = Store::open(directory.path()).value();
    auto const seal = Seal::open(store->database(), directory.path()).value();
    sealed = seal->seal("a secret of some length", "vault:a");
  }
  /// How opening it again goes: the secret, or why not.
  std::string reopened() const {
    auto const store = Store::open(directory.path()).value();
    auto const seal = Seal::open(store->database(), directory.path());
    if (!seal) return seal.error().text();
    return (*seal)->unseal(sealed, "vault:a");
  }
  [[nodiscard]] fs::path key() const { return directory.path() / Seal::kKeyFile; }

  test::TemporaryDirectory directory;
  std::string sealed;
};

}  // namespace

TEST_CASE("seal: a secret is opened by its owner alone, and only whole") {
  auto const store = Store::open(std::nullopt).value();
  auto const seal = Seal::open(store->database(), std::nullopt).value();
  auto const sealed = seal->seal("hunter2", "vault:a");
  CHECK(sealed.find("hunter2") == std::string::npos);
  CHECK(seal->unseal(sealed, "vault:a") == "hunter2");
  CHECK_THROWS_AS((void)seal->unseal(sealed, "vault:b"), StoreFailure);
  CHECK_THROWS_AS((void)seal->unseal(sealed + "A", "vault:a"), StoreFailure);
  CHECK_THROWS_AS((void)seal->unseal(sealed.substr(3), "vault:a"), StoreFailure);
  CHECK_THROWS_AS((void)seal->unseal("v1.", "vault:a"), StoreFailure);
  for (std::size_t at = 3; at < sealed.size(); ++at) {
    auto changed = sealed;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CAPTURE(at);
    CHECK_THROWS_AS((void)seal->unseal(changed, "vault:a"), StoreFailure);
  }
  CHECK(seal->seal("hunter2", "vault:a") != sealed);
  CHECK(seal->unseal(seal->seal("", "vault:a"), "vault:a").empty());
}

TEST_CASE("seal: the key is in a file of its own that only we can read, and outlives us") {
  Bench const bench;
  struct stat found {};
  REQUIRE(stat(bench.key().c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK_FALSE(fs::exists(bench.key().string() + ".new"));
  CHECK(bench.reopened() == "a secret of some length");
  auto const database = content(bench.directory.path() / "local.db");
  CHECK(database.find("a secret of some length") == std::string::npos);
}

TEST_CASE("seal: without its key, or with another, the state is not opened") {
  Bench const bench;
  auto const right = content(bench.key());
  fs::remove(bench.key());
  CHECK(bench.reopened().find("seal.key is missing") != std::string::npos);
  CHECK_FALSE(fs::exists(bench.key()));  // no new one instead
  std::ofstream(bench.key()) << "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
  fs::permissions(bench.key(), fs::perms::owner_read | fs::perms::owner_write);
  CHECK(bench.reopened().find("is not the key that the secrets") != std::string::npos);
  std::ofstream(bench.key()) << "nonsense";
  CHECK(bench.reopened().find("holds no key") != std::string::npos);
  std::ofstream(bench.key()) << right;
  CHECK(bench.reopened() == "a secret of some length");
  fs::permissions(bench.key(), fs::perms::owner_read | fs::perms::others_read);
  CHECK(bench.reopened().find("chmod 600") != std::string::npos);
}

TEST_CASE("seal: a key that a dying process left before anything was sealed is taken") {
  test::TemporaryDirectory const directory;
  auto const path = directory.path() / Seal::kKeyFile;
  std::string const left = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
  auto const store = Store::open(directory.path()).value();
  std::ofstream(path) << left;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  auto const seal = Seal::open(store->database(), directory.path()).value();
  CHECK(seal->unseal(seal->seal("x", "o"), "o") == "x");
  CHECK(content(path) == left);
}

TEST_CASE("seal: a key that cannot be kept seals nothing") {
  test::TemporaryDirectory const directory;
  auto const store = Store::open(directory.path()).value();
  fs::create_directory(directory.path() / "seal.key.new");
  auto const seal = Seal::open(store->database(), directory.path()).value();
  CHECK_THROWS_AS((void)seal->seal("x", "o"), StoreFailure);
  fs::remove(directory.path() / "seal.key.new");
  CHECK(seal->unseal(seal->seal("x", "o"), "o") == "x");
}

}  // namespace bridge::local
