#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "net/asio.hpp"

namespace bridge {

/// Who drives a bridge's runtime: we do, for our clients, or somebody else whom we let. Pure: the
/// time comes in.
///
///                 let()                  let_go()
///   ours ────────────────> parting ────────────────> theirs
///    ^                        │                         │
///    │  nobody wants it any more: take_back(), or the   │
///    └── time of the last who did is up: tick() ────────┘
///
/// Parting: the upstream is still ours and must be closed, then let_go(). Several may want it at a
/// time, a user and an invocation for instance: it is ours again when none does.
class Controller {
 public:
  enum class State : std::uint8_t { ours, parting, theirs };
  enum class Hold : std::uint64_t {};

  /// Somebody wants it until that is taken back: `who` is a phrase for status.
  [[nodiscard]] Hold let(std::string who, Clock::time_point now);
  /// The same by a user's word, for a time or not. Said again it replaces what was said.
  void release(std::string who, std::optional<Clock::time_point> until, Clock::time_point now);
  /// The upstream is closed, if it ever was open.
  void let_go();
  /// That one does not want it any more. Harmless when it is over already.
  void take_back(Hold hold);
  /// What release() said is over. The others keep theirs.
  void take_back_released();
  /// Ends the holds whose time is up. True when one was.
  bool tick(Clock::time_point now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_ours() const { return state_ == State::ours; }
  /// When to tick() next; none: never.
  [[nodiscard]] std::optional<Clock::time_point> due() const;

  struct Holder {
    std::string who;
    Clock::time_point since;
    std::optional<Clock::time_point> until;
    bool released = false;  ///< by a user's word
  };
  /// Who wants it longest; none while it is ours.
  [[nodiscard]] Holder const* holder() const;
  /// What release() said, as long as it holds.
  [[nodiscard]] Holder const* released() const;
  /// It has got a better name since.
  void rename(Hold hold, std::string who);

 private:
  Hold add(Holder holder);
  void settle();

  State state_ = State::ours;
  std::map<Hold, Holder> holders_;
  std::uint64_t last_ = 0;
};

[[nodiscard]] std::string_view to_text(Controller::State state);

}  // namespace bridge
