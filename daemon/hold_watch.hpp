#pragma once

#include <map>
#include <string>
#include <vector>

#include "cdp/holds.hpp"
#include "net/asio.hpp"

namespace bridge {

/// Tells a hold that lasts from one that is being worked on. Fed now and then with what stands
/// still; looks at no clock itself.
class HoldWatch {
 public:
  struct Timing {
    Duration ping_after = 4s;   ///< the client is asked whether it lives, and again after as long
    Duration named_after = 8s;  ///< everybody may know who it is
  };
  explicit HoldWatch(Timing timing) : timing_(timing) {}

  struct Late {
    cdp::Hold hold;
    std::string what;         ///< "the start of page 8C1A..., for 8 s"
    bool first_time = false;  ///< named for the first time
    Clock::time_point asked;  ///< who has been silent since then does not answer; it had ping_after
  };
  struct Verdict {
    std::vector<ClientId> to_ping;
    std::vector<Late> late;
  };
  [[nodiscard]] Verdict look(cdp::Holds const& holds, Clock::time_point now);

 private:
  struct Seen {
    Clock::time_point since;
    Clock::time_point pinged = Clock::time_point::min();  // min: not yet
    Clock::time_point before = Clock::time_point::min();  // the ping before that
    bool named = false;
  };
  Timing timing_;
  std::map<std::uint64_t, Seen> seen_;  // by Hold::number
};

}  // namespace bridge
