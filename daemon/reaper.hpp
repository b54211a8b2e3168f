#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/platform.hpp"
#include "daemon/failure.hpp"
#include "daemon/holdings.hpp"

namespace bridge {

/// What became of one active runtime with our owner's tag.
struct Reaped {
  enum class Fate { stopped, would_stop, held, kept, failed };
  Fate fate{};
  RuntimeId runtime;
  std::string name;
  std::string bridge;  ///< that it was created for
  std::string why;     ///< it failed
};
[[nodiscard]] std::string_view to_text(Reaped::Fate fate);
/// "runtime rt_1 (main, of bridge main): stopped"
[[nodiscard]] std::string to_line(Reaped const& reaped);
/// {"runtimes": [{"runtimeId", "name", "bridge", "fate", "line", "why"?, "failed"}]}
[[nodiscard]] nlohmann::ordered_json to_json(std::vector<Reaped> const& all);
/// One line for each runtime: a second word on one counts when the first was that it failed.
void add_word(std::vector<Reaped>& all, Reaped one);

/// Stops active runtimes that a daemon of this owner has created and nobody needs any more. One
/// without the tag is never touched, nor is a run that was merely joined.
class Reaper {
 public:
  struct Options {
    std::string owner;  ///< CrashRecord::owner()
    /// A bridge of this process has it in use. Asked last of all, just before the stop.
    std::function<bool(RuntimeId const&)> is_held = [](RuntimeId const&) { return false; };
    /// By the bridge's name: what it has left running is left (on_exit: keep).
    std::function<bool(std::string const&)> is_kept = [](std::string const&) { return false; };
    bool dry_run = false;
  };
  Reaper(api::Platform& platform, Options options)
      : platform_(platform), options_(std::move(options)) {}

  /// One for each active runtime with the tag. The error: the list could not be read.
  awaitable<FailureOr<std::vector<Reaped>>> reap();

 private:
  awaitable<bool> look_at(api::Runtime const& listed, Reaped& out);

  api::Platform& platform_;
  Options options_;
};

/// Ends what a killed daemon has left open for one bridge, if that was ours: a run, or a start that
/// nobody has answered; one that may be on its way yet (`lately`) is waited for. The error: it may
/// still run.
awaitable<FailureOr<void>> end_left(api::Platform& platform, std::string bridge, Holding left,
                                    bool lately);

}  // namespace bridge
