#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/boot_clock.hpp"

namespace bridge {

/// How long a bridge's run goes on, and what ends it. Pure: told what happens, it says what will
/// end the run and when.
///
///        await_run            begin            client, command or work
///   asleep ──────> starting ──────────> idle ───────────────────────────> used
///    ^ ^               │                 │ ^ ───────────────────────────── │
///    │ │ end           │ end             │            nothing any more     │
///    │ └───────────────┴─────────────────┤ idle_stop, grace,               │ max_run, budget
///    │                                   │ max_run, budget                 │
///    │ end                               v                                 │
///    └───────────────────────────────── due <──────────────────────────────┘
///
/// A run that is found goes from asleep to idle. A client that gives up while its run is starting
/// was that run's client. In `due` the run is being ended: whoever comes now has come too late for
/// it, so nothing but its end leads out.
class Lifetime {
 public:
  using Time = BootClock::time_point;
  using Span = std::chrono::milliseconds;

  enum class State { asleep, starting, idle, used, due };
  enum class Cause { idle_stop, last_client, max_run, budget };

  struct Rules {
    Span idle_stop{0};  ///< 0: never
    std::optional<Span> grace =
        std::nullopt;  ///< after the last client, if its leaving ends the run
    Span max_run{0};   ///< from the start of the run; 0: without a limit
  };
  /// Who needs the run at this moment.
  struct Use {
    std::size_t clients = 0;    ///< attached, or on their way in
    std::size_t in_flight = 0;  ///< commands without an answer
    bool busy = false;          ///< other work, such as an invocation that was handed the runtime
    [[nodiscard]] bool none() const { return clients == 0 && in_flight == 0 && !busy; }
  };
  struct End {
    Cause cause{};
    Time at;
    bool operator==(End const&) const = default;
  };

  explicit Lifetime(Rules rules) : rules_(rules) {}
  /// Others from now on, for a run that goes on as well. Too late for one that is due.
  void change(Rules rules) { rules_ = rules; }

  /// A run is asked for. Of no meaning while there is one.
  void await_run();
  /// A run is there. `run_began` may be long ago. A run before it is forgotten.
  void begin(Time now, Time run_began);
  /// It had clients before we knew it.
  void had_client() { had_client_ = true; }
  /// To be told when it changes, and now and then.
  void use(Use use, Time now);
  /// When the budget is used up if the run goes on; none: it never is.
  void budget_ends(std::optional<Time> at) { budget_end_ = at; }
  /// There is no run any more, or none came, or it is none of our business.
  void end();

  /// What ends the run next if nothing changes. In `due`: what ended it.
  [[nodiscard]] std::optional<End> next() const;
  /// What has to end the run now. From then on `due`.
  [[nodiscard]] std::optional<End> look(Time now);

  [[nodiscard]] State state() const { return state_; }

 private:
  Rules rules_;
  State state_ = State::asleep;
  Use use_;
  bool had_client_ = false;  // in this run
  Time began_{};
  Time idle_since_{};
  std::optional<Time> budget_end_;
  std::optional<End> ended_by_;
};

[[nodiscard]] std::string_view to_text(Lifetime::State state);
/// "idle_stop", as the configuration calls it.
[[nodiscard]] std::string_view to_text(Lifetime::Cause cause);

}  // namespace bridge
