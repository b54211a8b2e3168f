#include "daemon/reaper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/pages.hpp"
#include "daemon/keeper.hpp"
#include "daemon/owner_tag.hpp"

namespace bridge {

std::string_view to_text(Reaped::Fate fate) {
  switch (fate) {
    case Reaped::Fate::stopped:
      return "stopped";
    case Reaped::Fate::would_stop:
      return "would be stopped";
    case Reaped::Fate::held:
      return "in use, left alone";
    case Reaped::Fate::kept:
      return "left running (on_exit: keep)";
    case Reaped::Fate::failed:
      break;
  }
  return "MAY STILL RUN";
}

std::string to_line(Reaped const& reaped) {
  auto line = fmt::format("runtime {} ({}, of bridge {}): {}", reaped.runtime.value, reaped.name,
                          reaped.bridge, to_text(reaped.fate));
  if (!reaped.why.empty()) line += ": " + reaped.why;
  return line;
}

nlohmann::ordered_json to_json(std::vector<Reaped> const& all) {
  auto runtimes = nlohmann::ordered_json::array();
  for (auto const& one : all) {
    nlohmann::ordered_json row{{"runtimeId", one.runtime.value},
                               {"name", one.name},
                               {"bridge", one.bridge},
                               {"fate", to_text(one.fate)},
                               {"line", to_line(one)}};
    if (!one.why.empty()) row["why"] = one.why;
    row["failed"] = one.fate == Reaped::Fate::failed;
    runtimes.push_back(std::move(row));
  }
  return {{"runtimes", std::move(runtimes)}};
}

void add_word(std::vector<Reaped>& all, Reaped one) {
  auto const known = std::find_if(all.begin(), all.end(),
                                  [&](auto const& other) { return other.runtime == one.runtime; });
  if (known == all.end()) {
    all.push_back(std::move(one));
  } else if (known->fate == Reaped::Fate::failed) {
    *known = std::move(one);
  }
}

awaitable<FailureOr<std::vector<Reaped>>> Reaper::reap() {
  std::vector<Reaped> all;
  api::RuntimeQuery query;
  query.status.emplace_back("active");
  auto pages = api::all_runtimes(platform_, std::move(query));
  for (;;) {
    auto item = co_await pages.next();
    if (!item) co_return failure_of(item.error(), "look for runtimes that were left running");
    if (!item->has_value()) co_return all;
    auto const& listed = **item;
    Reaped out;
    bool const tagged = co_await look_at(listed, out);
    if (tagged) all.push_back(std::move(out));
  }
}

// False: it has not our tag.
awaitable<bool> Reaper::look_at(api::Runtime const& listed, Reaped& out) {
  using Fate = Reaped::Fate;
  if (listed.life() == api::Life::ended) co_return false;
  out.runtime = listed.id;
  out.name = listed.name;
  // A list does not say whose they are.
  auto const whole = co_await platform_.get_runtime(out.runtime, api::Connection::as_is);
  if (!whole) {
    out.fate = Fate::failed;
    out.bridge.assign(1, '?');
    out.why = failure_of(whole.error(), "look whose it is").text();
    co_return !whole.error().is_not_found();
  }
  auto const tag = owner_tag_of(whole->metadata_json);
  if (tag.owner.empty() || tag.owner != options_.owner || whole->life() == api::Life::ended)
    co_return false;
  out.bridge = tag.bridge;
  if (options_.is_held(out.runtime)) {
    out.fate = Fate::held;
  } else if (options_.is_kept(tag.bridge)) {
    out.fate = Fate::kept;
  } else if (options_.dry_run) {
    out.fate = Fate::would_stop;
  } else {
    auto const stopped = co_await platform_.stop_runtime(out.runtime);
    bool const done = stopped || stopped.error().is_not_found();
    out.fate = done ? Fate::stopped : Fate::failed;
    if (!done) out.why = failure_of(stopped.error(), "stop it").text();
  }
  co_return true;
}

awaitable<FailureOr<void>> end_left(api::Platform& platform, std::string bridge, Holding left,
                                    bool lately) {
  config::RuntimeRef ref;
  ref.id = left.runtime.value;
  Keeper keeper(platform, ref, std::move(bridge));
  keeper.inherit(left, lately);
  if (!keeper.inherits()) co_return FailureOr<void>{};
  auto const taken = co_await keeper.take_over();
  if (!taken) co_return taken.error();
  if (keeper.started_here()) co_return co_await keeper.stop();
  co_return FailureOr<void>{};
}

}  // namespace bridge
