#include "local/extension_package.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "archives.hpp"
#include "temporary_directory.hpp"

using namespace bridge;
using namespace bridge::local;
using bridge::test::Contents;
using bridge::test::CrxMaker;
using bridge::test::extension_zip;
using bridge::test::TemporaryDirectory;
using bridge::test::zip_of;

namespace {

std::string refusal_of(std::string const& package) {
  TemporaryDirectory const into;
  auto const read = unpack_extension(package, into.path());
  if (read) return "";
  CHECK((read.error().is(Errc::bad_message) || read.error().is(Errc::too_large)));
  return read.error().doing;
}

std::string name_in(Contents const& files) {
  TemporaryDirectory const into;
  return unpack_extension(zip_of(files), into.path()).value().name;
}

nlohmann::json manifest_in(std::filesystem::path const& root) {
  std::ifstream file(root / "manifest.json");
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("extension package: a ZIP is unpacked as it is") {
  TemporaryDirectory const into;
  auto const read = unpack_extension(extension_zip(), into.path());
  REQUIRE(read.has_value());
  CHECK(read->name == "Marker");
  CHECK(read->version == "1.2.3");
  CHECK(std::filesystem::exists(into.path() / "scripts/a.js"));
  CHECK_FALSE(manifest_in(into.path()).contains("key"));
}

TEST_CASE("extension package: a CRX keeps the id of its key, and loses the store's notes") {
  CrxMaker const maker;
  auto const zip = zip_of({{"manifest.json", R"({"manifest_version":3,"name":"M","version":"1"})"},
                           {"_metadata/verified_contents.json", "[]"}});
  TemporaryDirectory const into;
  REQUIRE(unpack_extension(maker.version_3(zip), into.path()).has_value());
  CHECK_FALSE(std::filesystem::exists(into.path() / "_metadata"));
  auto const key = manifest_in(into.path()).at("key").get<std::string>();
  CHECK(key.starts_with("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));  // an RSA key of 2048 bits
  CHECK(key.size() == 4 * ((maker.public_key().size() + 2) / 3));
}

TEST_CASE("extension package: a CRX cannot take the id of another by a key in its manifest") {
  CrxMaker const maker;
  auto const zip =
      extension_zip(R"({"manifest_version":3,"name":"M","version":"1","key":"of another"})");
  TemporaryDirectory const signed_one;
  REQUIRE(unpack_extension(maker.version_3(zip), signed_one.path()).has_value());
  CHECK(manifest_in(signed_one.path()).at("key") != "of another");
  TemporaryDirectory const plain;
  REQUIRE(unpack_extension(zip, plain.path()).has_value());
  CHECK(manifest_in(plain.path()).at("key") == "of another");
}

TEST_CASE("extension package: a name may stand in the messages of the default locale") {
  std::string const manifest =
      R"({"manifest_version":3,"name":"__MSG_appName__","version":"1","default_locale":"en"})";
  CHECK(name_in({{"manifest.json", manifest},
                 {"_locales/en/messages.json", R"({"APPNAME":{"message":"Spelled out"}})"}}) ==
        "Spelled out");
  CHECK(name_in({{"manifest.json", manifest}}) == "__MSG_appName__");
}

TEST_CASE("extension package: a manifest is read as Chromium reads it") {
  CHECK(name_in({{"manifest.json",
                  "\xef\xbb\xbf{// a comment\n\"manifest_version\":2,\"name\":\"M\","
                  "\"version\":\"1.0.65535.7\"}"}}) == "M");
}

TEST_CASE("extension package: a manifest of endless nesting does not use up the stack") {
  std::string const members = R"("manifest_version":3,"name":"M","version":"1","a":)";
  std::string const deep = std::string(500'000, '[') + std::string(500'000, ']');
  for (std::string const comment : {"", "/* \" */"})
    CHECK(refusal_of(extension_zip("{" + comment + members + deep + "}")) ==
          "it has no manifest.json that is a JSON object");
  CHECK(
      name_in({{"manifest.json",
                R"({"manifest_version":3,"name":"__MSG_a__","version":"1","default_locale":"en"})"},
               {"_locales/en/messages.json", "{\"a\":" + deep + "}"}}) == "__MSG_a__");
}

TEST_CASE("extension package: what is no extension is refused in words") {
  CHECK(refusal_of("neither") == "it is no CRX file");
  CHECK(refusal_of("PK but nothing else") == "it is no ZIP archive");
  CHECK(refusal_of(zip_of({{"a.js", ""}})) == "it has no manifest.json that is a JSON object");
  CHECK(refusal_of(extension_zip("[]")) == "it has no manifest.json that is a JSON object");
  CHECK(refusal_of(extension_zip("{")) == "it has no manifest.json that is a JSON object");
  CHECK(refusal_of(extension_zip(R"({"name":"M","version":"1"})")) ==
        "its manifest_version is neither 2 nor 3");
  for (std::string const version : {"", "a", "1.", ".1", "1.2.3.4.5", "65536", "1.-2", "123456"}) {
    CAPTURE(version);
    CHECK(refusal_of(extension_zip(R"({"manifest_version":3,"name":"M","version":")" + version +
                                   R"("})")) == "its manifest has no proper version");
  }
  CHECK(refusal_of(extension_zip(R"({"manifest_version":3,"name":7,"version":"1"})")) ==
        "its manifest has no proper name");
  CHECK(refusal_of(zip_of({{"../manifest.json", "{}"}})) == "it has a file of a bad name");
}
