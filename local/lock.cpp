#include "local/lock.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/json.hpp"

namespace bridge::local {

std::string_view to_text(Controller kind) {
  switch (kind) {
    case Controller::cdp:
      return "cdp";
    case Controller::invocation:
      return "invocation";
    case Controller::human:
      return "human";
  }
  return "unknown";
}

std::variant<Lock::Lease, Lock::Busy> Lock::acquire(Controller kind, Timestamp when) {
  if (rule_ == Rule::exclusive && held()) return *holder();
  Lease const lease{++last_lease_};
  holders_.emplace(lease, Busy{kind, when, run_});
  return lease;
}

bool Lock::release(Lease lease) {
  return holders_.erase(lease) > 0;
}

bool Lock::held_by(Controller kind) const {
  return std::any_of(holders_.begin(), holders_.end(),
                     [kind](auto const& held) { return held.second.holder == kind; });
}

std::optional<Lock::Busy> Lock::holder() const {
  if (holders_.empty()) return std::nullopt;
  return holders_.begin()->second;
}

Problem controller_busy(Lock::Busy const& by) {
  Problem problem(409, "runtime.controller_busy",
                  "Another controller is connected to this runtime.",
                  "Disconnect it, or share it through bctrl-bridge.");
  problem.details = to_text(
      Json{{"holder", to_text(by.holder)}, {"since", rfc3339(by.since)}, {"runId", by.run.value}});
  return problem;
}

}  // namespace bridge::local
