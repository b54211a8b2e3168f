#include "cdp/sessions.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bridge::cdp {
namespace {

constexpr ClientId kAnn{1};
constexpr ClientId kBob{2};

std::vector<std::string> removed_ids(Sessions& sessions, Session& top) {
  std::vector<std::string> out;
  sessions.remove_tree(top, [&](Session const& session) { out.push_back(session.id); });
  return out;
}

}  // namespace

TEST_CASE("sessions: a session carries its owner and its ready-made member") {
  Sessions sessions;
  auto* root = sessions.add("AB12", kAnn, nullptr, "T1");
  REQUIRE(root != nullptr);
  CHECK(root->client == kAnn);
  CHECK(root->target == "T1");
  CHECK(root->member == R"(,"sessionId":"AB12")");
  CHECK(root->quoted() == R"("AB12")");
  CHECK(sessions.find("AB12") == root);
  CHECK(sessions.find("AB1") == nullptr);
  CHECK(sessions.find("") == nullptr);
}

TEST_CASE("sessions: an id seen again stays with its first owner") {
  Sessions sessions;
  auto* root = sessions.add("A", kAnn, nullptr, "");
  CHECK(sessions.add("A", kAnn, nullptr, "") == root);
  CHECK(sessions.add("A", kBob, nullptr, "") == nullptr);
  CHECK(sessions.size() == 1);
  CHECK(sessions.find("A")->client == kAnn);
}

TEST_CASE("sessions: a number is never given twice, unlike an id") {
  Sessions sessions;
  auto* first = sessions.add("A", kAnn, nullptr, "");
  auto const number = first->number;
  sessions.remove_tree(*first, [](Session const&) {});
  CHECK(sessions.add("A", kBob, nullptr, "")->number != number);
}

TEST_CASE("sessions: removing one removes its subtree, children first, and nothing else") {
  Sessions sessions;
  auto* root = sessions.add("root", kAnn, nullptr, "");
  auto* tab = sessions.add("tab", kAnn, root, "");
  auto* page = sessions.add("page", kAnn, tab, "");
  sessions.add("worker", kAnn, page, "");
  sessions.add("frame", kAnn, page, "");
  sessions.add("other", kAnn, root, "");
  sessions.add("bob", kBob, nullptr, "");

  CHECK(removed_ids(sessions, *tab) == std::vector<std::string>{"worker", "frame", "page", "tab"});
  CHECK(sessions.size() == 3);
  CHECK(root->children == std::vector<Session*>{sessions.find("other")});
  CHECK(removed_ids(sessions, *root) == std::vector<std::string>{"other", "root"});
  CHECK(sessions.find("bob") != nullptr);
  CHECK(sessions.size() == 1);
}

TEST_CASE("sessions: a tree of any depth goes without taking the stack along") {
  constexpr int kDepth = 300'000;
  Sessions sessions;
  auto* top = sessions.add("0", kAnn, nullptr, "T");
  auto* parent = top;
  for (int i = 1; i < kDepth; ++i) parent = sessions.add(std::to_string(i), kAnn, parent, "T");
  int seen = 0;
  sessions.remove_tree(*top, [&](Session const&) { ++seen; });
  CHECK(seen == kDepth);
  CHECK(sessions.size() == 0);
}

TEST_CASE("sessions: an id that is no plain text is escaped in its member") {
  Sessions sessions;
  CHECK(sessions.add("a\"b", kAnn, nullptr, "T")->member == R"(,"sessionId":"a\"b")");
}

TEST_CASE("sessions: a child is named for its owner, a root is not") {
  Sessions sessions;
  auto* root = sessions.add("root", kAnn, nullptr, "");
  auto* child = sessions.add("child", kAnn, root, "");
  CHECK(sessions.child_id(child->number) == "child");
  CHECK(sessions.child_id(root->number).empty());
  CHECK(sessions.child_id(99).empty());
}

}  // namespace bridge::cdp
