#include "local/documents.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "local/store.hpp"

namespace bridge::local {
namespace {

Document document(std::string id, std::optional<std::string> name, std::string body = "{}",
                  std::string scope = "") {
  Document out;
  out.id = std::move(id);
  out.scope = std::move(scope);
  out.name = std::move(name);
  out.body = std::move(body);
  out.created_at = out.updated_at = now();
  return out;
}

std::string ids(std::vector<Document> const& rows) {
  std::string out;
  for (auto const& row : rows) out += row.id + " ";
  return out;
}

struct Bench {
  void put(std::string id, std::optional<std::string> name, std::string body = "{}",
           std::string scope = "") {
    auto made = document(std::move(id), std::move(name), std::move(body), std::move(scope));
    REQUIRE(tools.add(made));
  }
  std::unique_ptr<Store> store = Store::open(std::nullopt).value();
  Documents tools{store->database(), "tool"};
};

}  // namespace

TEST_CASE("documents: what was put in comes back, until it is removed") {
  Bench bench;
  bench.put("t1", "one", R"({"a":1})", "space");
  auto const found = bench.tools.find("t1");
  REQUIRE(found);
  CHECK(found->name == "one");
  CHECK(found->scope == "space");
  CHECK(found->body == R"({"a":1})");
  CHECK(bench.tools.named("space", "one")->id == "t1");
  CHECK_FALSE(bench.tools.named("", "one"));
  Documents others(bench.store->database(), "toolset");
  CHECK_FALSE(others.find("t1"));
  CHECK_FALSE(others.remove("t1"));
  CHECK(bench.tools.remove("t1"));
  CHECK_FALSE(bench.tools.remove("t1"));
  CHECK_FALSE(bench.tools.find("t1"));
}

TEST_CASE("documents: a name belongs to one of a kind and scope") {
  Bench bench;
  bench.put("t1", "one");
  auto twin = document("t2", "one");
  CHECK_FALSE(bench.tools.add(twin));
  bench.put("t3", "one", "{}", "elsewhere");
  bench.put("t4", "two");
  bench.put("t5", std::nullopt);
  bench.put("t6", std::nullopt);
  auto four = *bench.tools.find("t4");
  four.name = "one";
  CHECK_FALSE(bench.tools.update(four));
  four.name = "three";
  four.body = R"({"b":2})";
  CHECK(bench.tools.update(four));
  CHECK(bench.tools.find("t4")->body == R"({"b":2})");
  CHECK(bench.tools.all({"", {}, {}}).size() == 4);
}

TEST_CASE("documents: a list is narrowed by scope, members and part of the name, page by page") {
  Bench bench;
  bench.put("a", "Alpha", R"({"type":"x","on":true,"n":{"m":7}})", "s1");
  bench.put("b", "Beta", R"({"type":"y","on":false})", "s1");
  bench.put("c", "alphabet", R"({"type":"z"})", "s2");
  CHECK(ids(bench.tools.all()) == "c b a ");
  CHECK(ids(bench.tools.all({"s1", {}, {}})) == "b a ");
  CHECK(ids(bench.tools.all({{}, {{"type", {"x", "z"}}}, {}})) == "c a ");
  CHECK(ids(bench.tools.all({{}, {{"type", {"x", "y"}}, {"on", {"true"}}}, {}})) == "a ");
  CHECK(ids(bench.tools.all({{}, {{"on", {"false"}}}, {}})) == "b ");
  CHECK(ids(bench.tools.all({{}, {{"n.m", {"7"}}}, {}})) == "a ");
  CHECK(ids(bench.tools.all({{}, {{"none", {"7"}}}, {}})).empty());
  CHECK(ids(bench.tools.all({{}, {}, "LPH"})) == "c a ");
  Range range;
  range.limit = 2;
  auto const first = bench.tools.list({}, range);
  CHECK(ids(first.rows) == "c b ");
  range.after = first.next();
  auto const second = bench.tools.list({}, range);
  CHECK(ids(second.rows) == "a ");
  CHECK_FALSE(second.next());
}

}  // namespace bridge::local
