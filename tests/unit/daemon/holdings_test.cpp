#include "daemon/holdings.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace bridge;

namespace {

using Kind = Happening::Kind;

Happening happening(Kind kind, std::string text = "") {
  Happening what;
  what.kind = kind;
  what.bridge = "main";
  what.runtime = RuntimeId{"rt"};
  what.run = RunId{"run"};
  what.ours = true;
  what.port = 9411;
  what.text = std::move(text);
  return what;
}

Holding after(std::vector<Happening> const& all) {
  Holdings holdings;
  for (auto const& what : all) holdings.apply(what);
  return holdings.of("main");
}

}  // namespace

TEST_CASE("holdings: a runtime from its create to the end of its run") {
  std::vector<Happening> all{happening(Kind::creating, "tag")};
  CHECK(after(all).creating == "tag");
  all.push_back(happening(Kind::created));
  CHECK(after(all).creating.empty());
  CHECK(after(all).runtime.value == "rt");
  all.push_back(happening(Kind::starting, "key"));
  CHECK(after(all).starting == "key");
  all.push_back(happening(Kind::started));
  CHECK(after(all).starting.empty());
  CHECK(after(all).run.value == "run");
  CHECK(after(all).ours);
  all.push_back(happening(Kind::context, "C1"));
  CHECK(after(all).contexts == std::set<std::string>{"C1"});
  all.push_back(happening(Kind::ended));
  CHECK(after(all).runtime.value == "rt");
  CHECK(after(all).run.empty());
  CHECK(after(all).contexts.empty());
  all.push_back(happening(Kind::dropped));
  Holdings holdings;
  for (auto const& what : all) holdings.apply(what);
  CHECK(holdings.all().empty());
}

TEST_CASE("holdings: contexts go with their run") {
  auto other = happening(Kind::started);
  other.run = RunId{"next"};
  CHECK(after({happening(Kind::started), happening(Kind::context, "C"), happening(Kind::started)})
            .contexts.size() == 1);
  CHECK(after({happening(Kind::started), happening(Kind::context, "C"), other}).contexts.empty());
}

TEST_CASE("holdings: a record says what happened; an unknown one is left out") {
  Holdings holdings;
  CHECK(holdings.apply(to_record(happening(Kind::started))));
  for (auto const* const record :
       {"", "[]", "{}", R"({"kind":"later","bridge":"main"})", "{\"kind\""})
    CHECK_FALSE(holdings.apply(std::string_view(record)));
  CHECK(holdings.of("main") == after({happening(Kind::started)}));
  CHECK(holdings.of("other") == Holding());
}

TEST_CASE("holdings: the fewest records lead to the same") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Holdings holdings;
    for (int step = 0; step < 30; ++step) {
      auto what = happening(static_cast<Kind>(random() % 11), std::string(1, 'a' + random() % 4));
      what.bridge = std::string(1, 'x' + random() % 2);
      what.run.value = std::string(1, 'r' + random() % 2);
      what.ours = random() % 2 == 0;
      holdings.apply(what);
    }
    Holdings again;
    for (auto const& record : holdings.records()) CHECK(again.apply(record));
    CHECK(again.all() == holdings.all());
    CHECK(again.records().size() <= 2 * 10);
  }
}
