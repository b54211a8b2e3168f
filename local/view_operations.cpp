#include <array>
#include <nlohmann/json.hpp>

#include "local/json.hpp"
#include "local/operations.hpp"
#include "local/recordings.hpp"
#include "local/viewers.hpp"
#include "local/waiting.hpp"

namespace bridge::local {
namespace {

constexpr std::int64_t kLeaseMax = 86'400;
constexpr std::chrono::seconds kLeaseDefault{3600};

Outcome<ViewLease> read_lease(Call const& call, ViewLease::Kind kind, RunId const& run) {
  auto const seconds = read_seconds(call.body, "expiresInSeconds", 1, kLeaseMax);
  if (!seconds) return seconds.error();
  ViewLease lease;
  lease.kind = kind;
  lease.run = run;
  lease.expires = now() + seconds->value_or(kLeaseDefault);
  return lease;
}

awaitable<Outcome<net::HttpReply>> live(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto lease = read_lease(call, ViewLease::Kind::live, run->id);
  if (!lease) co_return lease.error();
  lease->input = call.body.value("control", "none") == "input";
  if (!parts.runtimes.devtools(run->id))
    co_return Problem(409, "run.live_not_active", "The run is over.",
                      "Start its runtime again and watch the new run.");
  parts.runtimes.touch(run->runtime);
  auto const address = parts.viewers.lease(*lease);
  if (!address) co_return address.error();
  co_return json_reply(200,
                       Json{{"url", address->reveal()}, {"expiresAt", rfc3339(lease->expires)}});
}

awaitable<Outcome<net::HttpReply>> recording(Parts& parts, Call const& call) {
  auto const run = find_run(parts, call);
  if (!run) co_return run.error();
  auto const lease = read_lease(call, ViewLease::Kind::recording, run->id);
  if (!lease) co_return lease.error();
  auto const state = parts.recordings.state(*run);
  auto const address = parts.viewers.lease(*lease);
  if (!address) co_return address.error();
  Json view{
      {"url", address->reveal()}, {"status", state.status}, {"expiresAt", rfc3339(lease->expires)}};
  if (state.seconds) view["durationSeconds"] = *state.seconds;
  co_return json_reply(200, view);
}

constexpr std::array kRows{
    Operation{{"runs.live", "POST", "/v1/runs/{runId}/live"}, live},
    Operation{{"runs.recording", "POST", "/v1/runs/{runId}/recording"}, recording},
};

}  // namespace

std::span<Operation const> view_operations() {
  return kRows;
}

}  // namespace bridge::local
