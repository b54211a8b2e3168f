#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <variant>

#include "base/ids.hpp"
#include "local/errors.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// Who may drive a runtime.
enum class Controller { cdp, invocation, human };
[[nodiscard]] std::string_view to_text(Controller kind);

/// The controllers of one run. Pure: knows nothing of sockets; the time comes in.
class Lock {
 public:
  enum class Rule {
    exclusive,   ///< the first to ask gets it, everybody else is refused until release()
    concurrent,  ///< whoever asks gets it, beside the others
  };
  /// Proof of being a holder. Numbered, so that a late release cannot end somebody else's hold.
  enum class Lease : std::uint64_t {};

  /// Who has it, since when, in which run.
  struct Busy {
    Controller holder;
    Timestamp since;
    RunId run;
  };

  explicit Lock(RunId run, Rule rule = Rule::exclusive) : run_(std::move(run)), rule_(rule) {}

  [[nodiscard]] std::variant<Lease, Busy> acquire(Controller kind, Timestamp when);
  /// True when `lease` was a holder's. Releasing twice is harmless.
  bool release(Lease lease);
  [[nodiscard]] bool held() const { return !holders_.empty(); }
  [[nodiscard]] bool held_by(Controller kind) const;
  /// The one who has had it longest.
  [[nodiscard]] std::optional<Busy> holder() const;

 private:
  RunId run_;
  Rule rule_;
  std::map<Lease, Busy> holders_;
  std::uint64_t last_lease_ = 0;
};

/// 409 runtime.controller_busy with details {holder, since, runId}.
[[nodiscard]] Problem controller_busy(Lock::Busy const& by);

}  // namespace bridge::local
