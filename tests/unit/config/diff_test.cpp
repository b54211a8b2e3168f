#include "config/diff.hpp"

#include <doctest/doctest.h>

#include "config/fields.hpp"
#include "support.hpp"

using namespace bridge::config;
using Change = Diff::Change;
using Keys = std::vector<std::string>;

namespace {

Config two_bridges() {
  Config out;
  for (auto const* name : {"main", "spare"}) {
    auto& bridge = out.bridges.emplace_back();
    bridge.name = name;
    bridge.port = 0;
    bridge.runtime.emplace().name = name;
  }
  return out;
}

// Another value of any member.
void change(std::string& value) {
  value += "x";
}
void change(bool& value) {
  value = !value;
}
void change(std::uint16_t& value) {
  ++value;
}
void change(std::size_t& value) {
  ++value;
}
void change(Duration& value) {
  ++value;
}
void change(std::vector<std::string>& value) {
  value.emplace_back("x");
}
void change(std::optional<std::uint16_t>& value) {
  value = value.value_or(0) + 1;
}
void change(std::optional<bridge::Secret>& value) {
  value = bridge::Secret(value ? value->reveal() + "x" : "ws://127.0.0.1:1/");
}
void change(std::optional<RuntimeRef>& value) {
  value.emplace().create_config = R"({"x":1})";
}
template <class Enum>
requires std::is_enum_v<Enum>
void change(Enum& value) {
  value = static_cast<Enum>(static_cast<int>(value) + 1);
}

/// Calls check(path) with one value of `section` changed, for each in turn.
template <Section S, class Check>
void each_change(S& section, std::string const& path, Check const& check) {
  each_field(section, [&](std::string_view key, auto& member, Form = Form::plain) {
    using Member = std::remove_cvref_t<decltype(member)>;
    auto const where = path.empty() ? std::string(key) : path + "." + std::string(key);
    if constexpr (Section<Member>) {
      each_change(member, where, check);
    } else if constexpr (!std::is_same_v<Member, std::vector<Bridge>>) {
      if (where == "name") return;
      auto const before = member;
      change(member);
      check(where);
      member = before;
    }
  });
}

}  // namespace

TEST_CASE("diff: between a configuration and itself there is none") {
  CHECK(diff(two_bridges(), two_bridges()).empty());
}

TEST_CASE("diff: every key of a bridge is seen, and those that its clients cannot stay for") {
  auto const running = two_bridges();
  auto wanted = running;
  Keys replacing;
  std::size_t seen = 0;
  each_change(wanted.bridges[1], "", [&](std::string const& key) {
    CAPTURE(key);
    ++seen;
    auto const found = diff(running, wanted);
    REQUIRE(found.bridges.size() == 1);
    CHECK(found.bridges[0].name == "spare");
    CHECK(found.bridges[0].keys == Keys{key});
    CHECK(found.keys.empty());
    CHECK(found.fixed.empty());
    if (found.bridges[0].change == Change::replaced) replacing.push_back(key);
  });
  CHECK(seen > 20);
  CHECK(replacing == Keys{"runtime", "upstream"});
}

TEST_CASE("diff: every key of the daemon is seen, and which wait for its next start") {
  auto const running = two_bridges();
  auto wanted = running;
  Keys at_once;
  std::size_t waiting = 0;
  each_change(wanted, "", [&](std::string const& key) {
    CAPTURE(key);
    auto const found = diff(running, wanted);
    CHECK(found.bridges.empty());
    REQUIRE(found.keys.size() + found.fixed.size() == 1);
    if (found.fixed == Keys{key}) ++waiting;
    if (found.keys == Keys{key}) at_once.push_back(key);
  });
  CHECK(at_once == Keys{"log.level", "log.format", "drain"});
  CHECK(waiting > 10);
}

TEST_CASE("diff: bridges are told apart by name, in whatever order they stand") {
  auto const running = two_bridges();
  auto wanted = two_bridges();
  std::swap(wanted.bridges[0], wanted.bridges[1]);
  CHECK(diff(running, wanted).empty());

  wanted.bridges[1].name = "other";  // was main
  wanted.bridges[0].limits.clients = 1;
  wanted.bridges[0].grace = std::chrono::seconds(1);
  auto const found = diff(running, wanted).bridges;
  std::vector<Diff::OfBridge> const expected{
      {"spare", Change::adjusted, {"grace", "limits.clients"}},
      {"other", Change::added, {}},
      {"main", Change::removed, {}}};
  CHECK(found == expected);
}

TEST_CASE("diff: a runtime's parts are one key, and an upstream is compared as it is") {
  auto running = two_bridges();
  auto wanted = running;
  wanted.bridges[0].runtime->space = "sp_2";
  CHECK(diff(running, wanted).bridges[0].keys == Keys{"runtime"});
  wanted = running;
  wanted.bridges[0].runtime->create_config = R"({"profile":true})";
  CHECK(diff(running, wanted).bridges[0].keys == Keys{"runtime.config"});
  CHECK(diff(running, wanted).bridges[0].change == Change::adjusted);

  running.bridges[0].upstream = bridge::Secret("wss://host.example/secret-a");
  wanted = running;
  wanted.bridges[0].upstream = bridge::Secret("wss://host.example/secret-b");
  CHECK(diff(running, wanted).bridges[0].keys == Keys{"upstream"});
}
