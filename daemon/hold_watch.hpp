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
    Duration ping_after = 4s;   ///< the client is asked whether it lives
    Duration named_after = 8s;  ///< everybody may know who it is
  };
  explicit HoldWatch(Timing timing) : timing_(timing) {}

  struct Late {
    ClientId client{};
    std::string what;         ///< "the start of page 8C1A..., for 8 s"
    bool first_time = false;  ///< named for the first time
    Clock::time_point pinged;
  };
  struct Verdict {
    std::vector<ClientId> to_ping;
    std::vector<Late> late;
  };
  [[nodiscard]] Verdict look(cdp::Holds const& holds, Clock::time_point now);

 private:
  struct Seen {
    Clock::time_point since;
    Clock::time_point pinged = Clock::time_point::max();  // max: not yet
    bool named = false;
  };
  Timing timing_;
  std::map<std::uint64_t, Seen> seen_;  // by Hold::number
};

}  // namespace bridge
