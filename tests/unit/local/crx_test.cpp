#include "local/crx.hpp"

#include <doctest/doctest.h>

#include "archives.hpp"

using namespace bridge;
using namespace bridge::local;
using bridge::test::CrxMaker;

namespace {

std::string refusal_of(std::string const& bytes) {
  auto const crx = read_crx(bytes);
  if (crx) return "";
  CHECK(crx.error().is(Errc::bad_message));
  return crx.error().doing;
}

}  // namespace

TEST_CASE("crx: packages of both versions are read, with the key that makes the id") {
  CrxMaker const maker;
  for (auto const& package : {maker.version_3("the archive"), maker.version_2("the archive")}) {
    auto const crx = read_crx(package);
    REQUIRE(crx.has_value());
    CHECK(crx->zip == "the archive");
    CHECK(crx->public_key == maker.public_key());
  }
}

TEST_CASE("crx: a package that somebody has changed is refused") {
  CrxMaker const maker;
  for (auto const& package : {maker.version_3("the archive"), maker.version_2("the archive")}) {
    auto changed = package;
    changed.back() = 'E';
    CHECK(refusal_of(changed) == "its signature is wrong");
    CHECK(refusal_of(package + "more") == "its signature is wrong");
    for (std::size_t const size : {0UL, 3UL, 4UL, 8UL, 11UL, 12UL, 20UL, 200UL}) {
      CAPTURE(size);
      CHECK(refusal_of(package.substr(0, size)) != "");
    }
  }
}

TEST_CASE("crx: an id of somebody else's key is refused") {
  CrxMaker const maker;
  CrxMaker const other;
  CHECK(refusal_of(maker.version_3("zip", other.public_key())) ==
        "it is not signed by the key of its id");
}

TEST_CASE("crx: a key with something behind it is none") {
  CrxMaker const maker;
  auto package = maker.version_2("zip");
  ++package[8];  // the size of the key
  package.insert(16 + maker.public_key().size(), 1, '\0');
  CHECK(refusal_of(package) == "its signature is wrong");
}

TEST_CASE("crx: a package has sixteen signatures at most, each of which reads all of it") {
  CrxMaker const maker;
  CHECK(refusal_of(maker.version_3("zip", maker.public_key(), 16)) == "");
  CHECK(refusal_of(maker.version_3("zip", maker.public_key(), 17)) == "it has too many signatures");
}

TEST_CASE("crx: what is no package is refused") {
  CHECK(refusal_of("PK\x03\x04") == "it is no CRX file");
  CHECK(refusal_of(std::string("Cr24\x04\0\0\0zip", 11)) ==
        "it is a CRX of a version that is not known");
  // A header of four gigabytes.
  CHECK(refusal_of(std::string("Cr24\x03\0\0\0\xff\xff\xff\xff", 12)) ==
        "its header is cut short or broken");
}
