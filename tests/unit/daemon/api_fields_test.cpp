#include "daemon/api_fields.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/local/temporary_directory.hpp"

using namespace bridge;

namespace {

std::string json(std::vector<ApiField> const& fields) {
  auto const out = fields_to_json(fields);
  return out ? *out : out.error().text();
}

std::string query(std::vector<ApiField> const& fields) {
  auto const out = fields_to_query("/x", fields);
  return out ? *out : out.error().text();
}

}  // namespace

TEST_CASE("api_fields: a body is made of members, of members of members and of lists") {
  CHECK(json({}) == "{}");
  CHECK(json({{"name=a=b"}, {"empty="}}) == R"({"name":"a=b","empty":""})");
  CHECK(json({{"config[locale]=de"}, {"config[viewport][width]=800", true}}) ==
        R"({"config":{"locale":"de","viewport":{"width":800}}})");
  CHECK(json({{"ids[]=a"}, {"ids[]=b"}, {"deep[list][]=c"}}) ==
        R"({"ids":["a","b"],"deep":{"list":["c"]}})");
}

TEST_CASE("api_fields: only typed fields are anything but text") {
  CHECK(json({{"a=true"}, {"b=1"}, {"c=null"}}) == R"({"a":"true","b":"1","c":"null"})");
  CHECK(json({{"a=true", true}, {"b=-1.5", true}, {"c=null", true}, {"d=x", true}}) ==
        R"({"a":true,"b":-1.5,"c":null,"d":"x"})");
  // What JSON does not call a number is text.
  CHECK(json({{"a=007", true}, {"b=1 2", true}, {"c={}", true}}) ==
        R"({"a":"007","b":"1 2","c":"{}"})");
}

TEST_CASE("api_fields: a typed field may be a file") {
  test::TemporaryDirectory dir;
  auto const path = (dir.path() / "text").string();
  std::ofstream(path) << "line\n\"q\"";
  CHECK(json({{"a=@" + path, true}}) == R"({"a":"line\n\"q\""})");
  CHECK(json({{"a=@" + path + "-not", true}}) == "field a: cannot read the file " + path + "-not");
  CHECK(json({{"a=@" + path}}) == R"({"a":"@)" + path + R"("})");
}

TEST_CASE("api_fields: what cannot be meant is refused by name, and its value is not repeated") {
  CHECK(json({{"secret"}}) == "field secret: write it as name=value");
  CHECK(json({{"=x"}}).starts_with("field :"));
  CHECK(json({{"a[b=secret"}}) ==
        "field a[b: write members as name[member] and list items as name[]");
  CHECK(json({{"a]b=secret"}}).find("secret") == std::string::npos);
  CHECK(json({{"a=1"}, {"a=2"}}) == "field a: it is given twice");
  CHECK(json({{"a=1"}, {"a[b]=2"}}).starts_with("field a[b]: it is given both"));
  CHECK(json({{"a[]=1"}, {"a[b]=2"}}).starts_with("field a[b]: it is given both"));
}

TEST_CASE("api_fields: a query repeats the name of a list and keeps what the path has") {
  CHECK(query({}) == "/x");
  CHECK(query({{"q=a b&c"}, {"force=true", true}}) == "/x?q=a%20b%26c&force=true");
  CHECK(query({{"status[]=active"}, {"status[]=stopped"}}) == "/x?status=active&status=stopped");
  CHECK(fields_to_query("/x?y=1", {{"z=2"}}).value() == "/x?y=1&z=2");
  CHECK(query({{"a[b]=1"}}) == "field a[b]: a query has no members of members");
}
