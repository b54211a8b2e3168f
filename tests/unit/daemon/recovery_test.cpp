#include "daemon/recovery.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace bridge;

namespace {

enum class Found { nothing, creating, starting, ours, joined };
enum class Configured { no, by_name, same_id, other_id, fixed_upstream };

Holding left(Found found) {
  Holding out;
  out.port = 9411;
  if (found == Found::creating) out.creating = "owner";
  if (found == Found::starting) out.starting = "key";
  if (found == Found::ours || found == Found::joined) out.run = RunId("run_1");
  if (found == Found::starting || !out.run.empty()) out.runtime = RuntimeId("rt_1");
  out.ours = found == Found::ours;
  return out;
}

std::optional<config::Bridge> configured(Configured how) {
  if (how == Configured::no) return std::nullopt;
  config::Bridge out;
  out.name = "main";
  if (how == Configured::fixed_upstream) {
    out.upstream = Secret("ws://127.0.0.1:1/");
    return out;
  }
  out.runtime.emplace();
  if (how == Configured::by_name) out.runtime->name = "main";
  if (how == Configured::same_id) out.runtime->id = "rt_1";
  if (how == Configured::other_id) out.runtime->id = "rt_2";
  return out;
}

}  // namespace

TEST_CASE("recovery: every state that can be left, with every configuration that may follow") {
  using enum Recovery;
  struct Row {
    Found found;
    Recovery gone;
    Recovery by_name;
    Recovery same_id;
    Recovery other_id;
    Recovery fixed;
  };
  for (auto const& row : std::vector<Row>{
           {Found::nothing, forget, nothing, nothing, nothing, nothing},
           {Found::creating, forget, nothing, nothing, nothing, nothing},
           {Found::starting, stop, take_over, take_over, stop, stop},
           {Found::ours, stop, take_over, take_over, stop, stop},
           {Found::joined, forget, take_over, take_over, forget, forget},
       }) {
    CAPTURE(static_cast<int>(row.found));
    auto const of = [&](Configured how) {
      auto const config = configured(how);
      return recovery_of(left(row.found), config ? &*config : nullptr);
    };
    CHECK(of(Configured::no) == row.gone);
    CHECK(of(Configured::by_name) == row.by_name);
    CHECK(of(Configured::same_id) == row.same_id);
    CHECK(of(Configured::other_id) == row.other_id);
    CHECK(of(Configured::fixed_upstream) == row.fixed);
  }
}
