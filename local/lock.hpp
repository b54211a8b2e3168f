#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/ids.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// Who may drive a runtime.
enum class Controller { cdp, invocation, human };
[[nodiscard]] std::string_view to_text(Controller kind);

/// The one controller of one run. Free: the first to ask gets it. Held: everybody else is refused
/// until release(). Pure: knows nothing of sockets; the time comes in.
class Lock {
 public:
  /// Proof of being the holder. Numbered, so that a late release cannot end somebody else's hold.
  enum class Lease : std::uint64_t {};

  /// Why the lock was not granted: who has it, since when, in which run.
  struct Busy {
    Controller holder;
    Timestamp since;
    RunId run;
  };

  explicit Lock(RunId run) : run_(std::move(run)) {}

  [[nodiscard]] std::variant<Lease, Busy> acquire(Controller kind, Timestamp when);
  /// True when `lease` was the holder. Releasing twice is harmless.
  bool release(Lease lease);
  [[nodiscard]] bool held() const { return holder_.has_value(); }
  [[nodiscard]] std::optional<Busy> holder() const { return holder_; }

 private:
  RunId run_;
  std::optional<Busy> holder_;
  std::uint64_t lease_ = 0;
};

}  // namespace bridge::local
